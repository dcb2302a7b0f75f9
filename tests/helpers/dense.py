"""Folders of dense runs that were never trained: drawn weights, made sure enough of themselves to find things."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from regard.core.runtime import seeded_init
from regard.core.storage import save_tensors
from regard.learning.run import HEAD
from regard.representation import checksums
from regard.representation.representation import Representation
from regard.reuse.dense.answer import MAPS
from regard.reuse.dense.objective import Dense

NAMES = ("disc", "box", "cone")


def dense_run(
    folder: Path, what: str, kind: str, *, start: str = "random:convnet4", size: int = 64, statistics: Any = None
) -> Path:
    """Write the folder of a run, as a training does, and return it."""
    rep = Representation.load(start)
    about = {"names": () if what == "depth" else NAMES, "colour": tuple(map(float, rep.encoder.config["mean"]))}
    objective = Dense(what, kind, size, **about, statistics=statistics or {})
    with seeded_init(3), torch.no_grad():
        head = objective.head(rep.encoder).eval()
        if kind == "fcos":
            head.inner.score.weight *= 30
            head.inner.score.bias.fill_(-1.0)
        elif kind == "log":
            head.inner.layers.score.weight.normal_()
        elif what not in MAPS:
            head.inner.box_head.predictor.cls_score.weight *= 30
            head.inner.proposer.head.cls_logits.weight *= 20
        if what == "masks":
            last = head.inner.mask_branch.layers[-1].weight
            last.copy_(50 * (last - last.mean(1, keepdim=True)))
    folder.mkdir(parents=True)
    save_tensors(folder / HEAD, {name: value.contiguous() for name, value in head.state_dict().items()})
    card = {
        "name": f"{kind}-{rep.name}",
        "made_by": "a test",
        "task": {"name": "dense", **asdict(objective)},
        "head": {"file": HEAD, "checksum": checksums.checksum(folder / HEAD)},
    }
    Representation(rep.encoder, rep.preprocess, card).save(folder)
    return folder
