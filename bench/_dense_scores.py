"""What each test picture does to AP50, mask AP50 and mIoU: the same arithmetic for ours and for torchvision's."""

from collections.abc import Iterable

import numpy as np

from regard.data.imageset import ImageSet
from regard.metrics.coco_ap import CocoAP
from regard.metrics.detection_pairs import box_pairs, mask_pairs
from regard.metrics.image_resampling import image_scores
from regard.metrics.segmentation import IGNORED, SemanticScores
from regard.reuse.dense.answer import Answer

Scored = dict[str, list[float]]


def of_objects(answers: Iterable[Answer], images: ImageSet, names: tuple[str, ...], masks: bool) -> Scored:
    """`ap50`, and with masks `mask_ap50`: (images,) scores whose mean is the measure (see `image_scores`)."""
    boxes, drawn = CocoAP(names), CocoAP(names)
    for answer in answers:
        truth, shown = images.annotations[answer.row].boxes, images.annotations[answer.row].masks
        classes = [names.index(one) for one in truth.classes.tolist()]
        found = answer.boxes.numpy(), answer.scores.numpy(), answer.classes.numpy()
        flags = {"crowd": truth.crowd, "ignore": truth.difficult}
        boxes.add(box_pairs(*found, truth.xyxy, classes, **flags))
        if masks:
            drawn.add(mask_pairs(answer.masks.numpy(), found[1], found[2], shown.arrays(), classes, **flags))
    told = {"mask_ap50": drawn} if masks else {}
    return {key: _each(lambda w, one=one: one.ap(w, "ap50"), images) for key, one in {**told, "ap50": boxes}.items()}


def of_pixels(answers: Iterable[Answer], images: ImageSet, names: tuple[str, ...]) -> Scored:
    """`miou`: (images,) scores whose mean is the measure."""
    areas = SemanticScores(names)
    for answer in answers:
        truth = images.annotations[answer.row].semantic
        table = np.full(max(len(truth.classes), truth.ignore) + 1, IGNORED)
        for place, name in enumerate(truth.classes):
            table[place] = names.index(name) if name in names else IGNORED
        areas.add(table[truth.values], answer.semantic.numpy())
    return {"miou": _each(lambda w: areas.measured(w, "miou"), images)}


def _each(measure, images: ImageSet) -> list[float]:
    return [round(float(one), 6) for one in image_scores(measure, len(images))]
