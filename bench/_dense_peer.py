"""Faster R-CNN and Mask R-CNN as torchvision's documentation builds them, trained by a plain loop: the peer of ours.

`BackboneWithFPN` on the stages of the given network, torchvision's own transform (one resize, the network's mean and
deviation), its default anchors, matchers, samplers, losses, thresholds and numbers of proposals; mirrored pictures;
AdamW with one rate for all weights and torch's `OneCycleLR`. Only the sizes of the heads are ours, 64 channels and 128
units in place of 256 and 1,024, and 64 regions a picture in place of 512, without which a step on a processor takes
many times as long. Nothing of regard is called in the loop.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN, MaskRCNN
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops import MultiScaleRoIAlign

WIDTH, HIDDEN, MASK, REGIONS = 64, 128, 32, 64  # the sizes of our heads
STAGES = {"stage1": "0", "stage2": "1", "stage4": "2", "stage6": "3"}  # of EfficientNet-Lite0: strides 4, 8, 16, 32
Target = dict[str, Tensor]


def build(
    network: nn.Module, classes: int, size: int, masks: bool, mean: Sequence[float], std: Sequence[float]
) -> nn.Module:
    """The detector on timm's EfficientNet-Lite0.

    Args:
        network: as timm builds it, with the weights to start from; its parts are used, not copied.
        classes: without the background.
        size: pictures are resized so that their longer side has so many pixels.
        masks: Mask R-CNN.
        mean: of the colours that the network's pictures are normalised with.
        std: their deviation.
    """
    parts = OrderedDict(stem=network.conv_stem, norm=network.bn1)
    parts |= {f"stage{place}": stage for place, stage in enumerate(network.blocks)}
    widths = [network.feature_info[place]["num_chs"] for place in (1, 2, 3, 4)]
    body = BackboneWithFPN(nn.Sequential(parts), STAGES, widths, WIDTH)
    boxes = MultiScaleRoIAlign(["0", "1", "2", "3"], 7, 2)
    given = {
        "min_size": size,
        "max_size": size,
        "image_mean": list(mean),
        "image_std": list(std),
        "box_roi_pool": boxes,
        "box_head": TwoMLPHead(WIDTH * 49, HIDDEN),
        "box_predictor": FastRCNNPredictor(HIDDEN, classes + 1),
        "box_batch_size_per_image": REGIONS,
    }
    if not masks:
        return FasterRCNN(body, **given)
    return MaskRCNN(
        body,
        **given,
        mask_roi_pool=MultiScaleRoIAlign(["0", "1", "2", "3"], 14, 2),
        mask_head=MaskRCNNHeads(WIDTH, [MASK, MASK], 1),
        mask_predictor=MaskRCNNPredictor(MASK, MASK, classes + 1),
    )


def train(
    model: nn.Module,
    pictures: Sequence[Tensor],
    targets: Sequence[Target],
    steps: int,
    batch: int,
    rate: float,
    seed: int,
) -> Iterator[int]:
    """Train; yields the number of each step that is done.

    Args:
        model: of `build`; changed.
        pictures: (3, H, W) in [0, 1] each.
        targets: `boxes` (n, 4), `labels` (n,) from 1, and `masks` (n, H, W) of each.
        steps: how many.
        batch: pictures a step.
        rate: the highest.
        seed: of the order, the mirror images and the draws of anchors.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.AdamW(model.parameters(), rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, cycle_momentum=False)
    model.train()
    order = np.zeros(0, int)
    for step in range(steps):
        if len(order) < batch:
            order = rng.permutation(len(pictures))
        rows, order = order[:batch], order[batch:]
        shown = [mirrored(pictures[row], targets[row], bool(rng.random() < 0.5)) for row in rows]
        loss = sum(model([one for one, _ in shown], [one for _, one in shown]).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss is {float(loss)} at step {step}")
        yield step + 1


def mirrored(picture: Tensor, target: Target, mirror: bool) -> tuple[Tensor, Target]:
    """A picture left to right, with its boxes and masks."""
    if not mirror:
        return picture, target
    width = picture.shape[-1]
    left, top, right, bottom = target["boxes"].unbind(1)
    changed = {**target, "boxes": torch.stack([width - right, top, width - left, bottom], 1)}
    if "masks" in target:
        changed["masks"] = target["masks"].flip(-1)
    return picture.flip(-1), changed


@torch.no_grad()
def loss_of(model: nn.Module, pictures: Sequence[Tensor], targets: Sequence[Target], batch: int, seed: int) -> float:
    """The mean loss on pictures that were left out, with the statistics that the network has."""
    torch.manual_seed(seed)
    model.train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    total = 0.0
    for start in range(0, len(pictures), batch):
        some = slice(start, start + batch)
        losses = model(list(pictures[some]), list(targets[some]))
        total += float(sum(losses.values())) * len(pictures[some])
    return total / len(pictures)


@torch.no_grad()
def found(model: nn.Module, pictures: Sequence[Tensor]) -> Iterator[Target]:
    """Boxes, scores, labels from 1, and masks (n, H, W) of bool where the model tells them, of each picture."""
    model.eval()
    for picture in pictures:
        (one,) = model([picture])
        yield one | ({"masks": one["masks"][:, 0] >= 0.5} if "masks" in one else {})
