"""Small scenes that a test draws: rectangles and discs of a colour each, with exact boxes, masks and classes."""

from functools import lru_cache

import torch
from torch import Tensor, nn
from torchvision.ops import box_iou

from regard.backbones.contract import FeatureInfo
from regard.backbones.encoder import make_encoder
from regard.backbones.pyramid import Pyramid
from regard.core.runtime import seeded_init
from regard.reuse.dense.objects import Objects

RECTANGLE, DISC = 0, 1


@lru_cache
def scenes(count: int = 8, size: int = 64, most: int = 2, seed: int = 0) -> tuple[Tensor, Objects, Tensor]:
    """Pictures (count, 3, size, size) in [0, 1], their objects with masks, and of each pixel 0, or its class + 1."""
    draw = torch.Generator().manual_seed(seed)
    images = 0.2 + 0.1 * torch.rand(count, 3, size, size, generator=draw)
    boxes, masks = torch.zeros(count, most, 4), torch.zeros(count, most, size, size, dtype=torch.bool)
    classes = torch.full((count, most), -1)
    rows, columns = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    for picture in range(count):
        for place in range(1 + picture % most):
            # each in its own half, so that none hides another
            high = int(torch.randint(14, size // 2 - 4, (1,), generator=draw))
            kind = int(torch.randint(0, 2, (1,), generator=draw))
            wide = high if kind == DISC else int(torch.randint(14, size - 8, (1,), generator=draw))
            top = place * size // 2 + int(torch.randint(0, size // 2 - high, (1,), generator=draw))
            left = int(torch.randint(0, size - wide, (1,), generator=draw))
            inside = (rows > top) & (rows < top + high) & (columns > left) & (columns < left + wide)
            if kind == DISC:
                inside = (rows - top - high / 2) ** 2 + (columns - left - wide / 2) ** 2 <= (high / 2) ** 2
            colour = torch.tensor([0.9, 0.3, 0.2] if kind == DISC else [0.2, 0.5, 0.9])
            images[picture] = torch.where(inside, colour[:, None, None], images[picture])
            boxes[picture, place] = torch.tensor([left, top, left + wide, top + high], dtype=torch.float32)
            classes[picture, place], masks[picture, place] = kind, inside
    semantic = ((classes + 1)[..., None, None] * masks).amax(1)
    return images, Objects(boxes, classes, torch.zeros_like(classes, dtype=torch.bool), masks), semantic


def pyramid_of(name: str = "timm:test_resnet", size: int = 64) -> Pyramid:
    """A pyramid on a small network with drawn weights."""
    return Pyramid(make_encoder(name, size=size).eval())


@lru_cache
def levels_of(name: str = "timm:test_resnet", count: int = 8, size: int = 64) -> tuple[list[Tensor], list[FeatureInfo]]:
    """The levels of the scenes, without gradients, and what they are."""
    pyramid = pyramid_of(name, size)
    with torch.no_grad():
        return pyramid(scenes(count, size)[0]), pyramid.info


def empty(count: int = 2, size: int = 64) -> Objects:
    """No object in any picture."""
    return Objects(
        torch.zeros(count, 3, 4),
        torch.full((count, 3), -1),
        torch.zeros(count, 3, dtype=torch.bool),
        torch.zeros(count, 3, size, size, dtype=torch.bool),
    )


def built(kind: type[nn.Module], *arguments, seed: int = 0, **more):
    """A head with weights drawn from a seed."""
    with seeded_init(seed):
        return kind(*arguments, **more)


def learned(head, targets, pyramid: Pyramid, steps: int, lr: float = 1e-3, **more) -> list[dict[str, float]]:
    """Train head and encoder together on all scenes at once; the losses of each step, `loss` the sum."""
    optimiser = torch.optim.AdamW([*head.parameters(), *pyramid.encoder.parameters()], lr, fused=True)
    told = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss, parts = head.loss(pyramid(scenes()[0]), targets, **more)
        loss.backward()
        optimiser.step()
        told.append({"loss": float(loss.detach()), **{name: float(one) for name, one in parts.items()}})
    return told


def gradients(head, levels: list[Tensor], targets, **more) -> tuple[float, list[float]]:
    """The loss, and the largest gradient at each level; those of the head's weights are there and finite."""
    head.zero_grad()
    leaves = [one.detach().clone().requires_grad_() for one in levels]
    loss, parts = head.loss(leaves, targets, **more)
    loss.backward()
    assert all(bool(torch.isfinite(one)) for one in (loss, *parts.values()))
    for name, weight in head.named_parameters():
        assert weight.grad is not None and bool(torch.isfinite(weight.grad).all()), name
    return float(loss.detach()), [0.0 if one.grad is None else float(one.grad.abs().max()) for one in leaves]


def fits(found, known, least: float) -> bool:
    """Whether there is for each object one of its class with at least this score whose boxes overlap by over .7."""
    sure = found.scores >= least
    overlap = box_iou(known.boxes, found.boxes[sure]) * (known.classes[:, None] == found.classes[sure])
    return bool(sure.any()) and bool((overlap.amax(1) > 0.7).all())
