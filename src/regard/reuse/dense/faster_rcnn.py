"""Detection in two steps: proposals, then a second look at each; with a mask for each object where asked.

Papers: Ren, He, Girshick, Sun 2015, Faster R-CNN, NeurIPS; Lin et al. 2017 (pyramid); He, Gkioxari, Dollár, Girshick
2017, Mask R-CNN, ICCV.

What differs: fewer proposals and smaller heads, sized for a few hundred pictures on a CPU; anchors sized from the
training boxes; difficult objects and crowds take anchors and proposals out of the background and do nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...backbones.contract import FeatureInfo
from ...core.checks import bad, check_number
from .anchors import Anchors, anchors_from
from .box_head import BoxHead
from .mask_head import MaskBranch
from .neck import Neck
from .objects import Found, Objects, check_objects
from .proposals import Proposer


@dataclass(frozen=True)
class Settings:
    """Sizes and counts.

    Attributes:
        width: channels of the pyramid.
        hidden: units of the box head's layers.
        mask_width: channels of the mask branch.
        coarser: proposals come from a level of twice the coarsest stride, too.
        candidates: proposals of a level that compete.
        kept: of them, how many a picture gets in training.
        looked: the same in prediction.
        anchors: of a picture that are learned from.
        regions: of a picture that are learned from.
        least: score below which nothing is found.
        overlap: IoU above which the lower of two boxes of a class goes.
        most: objects found in a picture.
    """

    width: int = 64
    hidden: int = 128
    mask_width: int = 32
    coarser: bool = False
    candidates: int = 300
    kept: int = 150
    looked: int = 150
    anchors: int = 128
    regions: int = 64
    least: float = 0.05
    overlap: float = 0.5
    most: int = 100


class FasterRCNN(nn.Module):
    """The head, on the levels of a `Pyramid`.

    Args:
        info: the pyramid's.
        classes: how many there are.
        anchors: None: usual ones; better, `anchors_from(boxes, strides)` of the training set.
        masks: tell a mask for each object.
        settings: sizes and counts.

    Raises:
        InputError: no classes; anchors for another number of levels.
    """

    def __init__(
        self,
        info: Sequence[FeatureInfo],
        classes: int,
        anchors: Anchors | None = None,
        masks: bool = False,
        settings: Settings | None = None,
    ) -> None:
        super().__init__()
        self.classes = check_number("classes", classes, 1, whole=True)
        self.settings = chosen = settings or Settings()
        self.neck = Neck(info, chosen.width, chosen.coarser)
        strides = [one.reduction for one in info]
        anchors = anchors or anchors_from(None, self.neck.strides)
        if len(anchors.sizes) != len(self.neck.strides):
            raise bad(
                "anchors", f"sizes for {len(anchors.sizes)} levels", f"for {len(self.neck.strides)}, as the neck has"
            )
        self.proposer = Proposer(chosen.width, self.neck.strides, anchors)
        self.box_head = BoxHead(chosen.width, strides, classes, chosen.hidden)
        self.mask_branch = MaskBranch(chosen.width, strides, classes, chosen.mask_width) if masks else None

    def loss(
        self, levels: Sequence[Tensor], targets: Objects, generator: torch.Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum of all losses, and each by its name: objectness, proposals, classes, boxes, and mask.

        Args:
            levels: (N, C, h, w) each.
            targets: of the N pictures.
            generator: which anchors and regions are learned from is drawn from it; None: from torch's own, which the
                training loop seeds for every step and gives back.
        """
        check_objects(targets, len(levels[0]), self.classes, self.mask_branch is not None)
        chosen, known = self.settings, targets.each()
        seen = self.neck(levels)
        answers = self.proposer(seen)
        losses = self.proposer.loss(answers, known, chosen.anchors, generator)
        size = int(seen[0].shape[2]) * self.neck.strides[0]
        proposals = self.proposer.propose(answers, size, chosen.candidates, chosen.kept)
        more, shown = self.box_head.loss(seen, proposals, known, chosen.regions, generator)
        losses |= more
        if self.mask_branch is not None:
            losses["mask"] = self.mask_branch.loss(seen, shown, known)
        return torch.stack(list(losses.values())).sum(), {name: one.detach() for name, one in losses.items()}

    @torch.no_grad()
    def predict(self, levels: Sequence[Tensor], size: int) -> list[Found]:
        """What is in each picture of `size` x `size` pixels."""
        chosen, seen = self.settings, self.neck(levels)
        proposals = self.proposer.propose(self.proposer(seen), size, chosen.candidates, chosen.looked)
        found = self.box_head.predict(seen, proposals, size, chosen.least, chosen.overlap, chosen.most)
        return found if self.mask_branch is None else self.mask_branch.predict(seen, found, size)
