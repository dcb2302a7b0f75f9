"""Detection on given proposals: the second step of Faster R-CNN alone.

Paper: Girshick 2015, Fast R-CNN, ICCV. It is how pretext tasks were compared as a start for detection (RotNet,
DeepCluster and others, on VOC 2007): the same proposals, from selective search, for each network.

What differs: levels of a pyramid, the smaller head of `box_head`, and background is every proposal that overlaps no
object by half, where the paper asks for a tenth at least.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...backbones.contract import FeatureInfo
from ...core.checks import bad, check_number
from .box_head import BoxHead
from .faster_rcnn import Settings
from .given_boxes import filled
from .neck import Neck
from .objects import Found, Objects, check_objects


class Proposed(NamedTuple):
    """What is learned from: the objects of N pictures, and their proposals (N, P, 4), filled up without area."""

    objects: Objects
    proposals: Tensor


class FastRCNN(nn.Module):
    """The head, on the levels of a `Pyramid`.

    Args:
        info: the pyramid's.
        classes: how many there are.
        settings: sizes and counts; those of proposals are not used.

    Raises:
        InputError: no classes.
    """

    def __init__(self, info: Sequence[FeatureInfo], classes: int, settings: Settings | None = None) -> None:
        super().__init__()
        self.classes = check_number("classes", classes, 1, whole=True)
        self.settings = chosen = settings or Settings()
        self.neck = Neck(info, chosen.width)
        self.box_head = BoxHead(chosen.width, self.neck.strides, classes, chosen.hidden)

    def loss(
        self, levels: Sequence[Tensor], targets: Proposed, generator: torch.Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum of both losses, and each by its name: classes and boxes.

        Args:
            levels: (N, C, h, w) each.
            targets: of the N pictures.
            generator: which regions are learned from is drawn from it; None: from torch's own.
        """
        check_objects(targets.objects, len(levels[0]), self.classes)
        known, proposals = targets.objects.each(), self._checked(filled(targets.proposals), len(levels[0]))
        losses, _ = self.box_head.loss(self.neck(levels), proposals, known, self.settings.regions, generator)
        return torch.stack(list(losses.values())).sum(), {name: one.detach() for name, one in losses.items()}

    @torch.no_grad()
    def predict(self, levels: Sequence[Tensor], size: int, proposals: Sequence[Tensor]) -> list[Found]:
        """What is in each picture of `size` x `size` pixels, of which the proposals (n, 4) are given."""
        chosen, given = self.settings, self._checked(proposals, len(levels[0]))
        seen = self.neck(levels)
        given = [one.to(seen[0].device) for one in given]
        return self.box_head.predict(seen, given, size, chosen.least, chosen.overlap, chosen.most)

    @staticmethod
    def _checked(proposals: Sequence[Tensor], pictures: int) -> Sequence[Tensor]:
        if len(proposals) != pictures:
            raise bad("proposals", f"those of {len(proposals)} pictures", f"those of {pictures}, one for each")
        return proposals
