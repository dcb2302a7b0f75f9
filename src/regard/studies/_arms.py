"""The arms of an evaluation: runs as they were given, checked for leaks, and the networks they are compared with."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ..backbones.rescale import rescale
from ..core.checks import bad
from ..core.runtime import numpy_rng
from ..core.storage import hash_json
from ..create.run import train
from ..data.decode import content_hash, read
from ..learning.learned import read_learned
from ..learning.objective import Split
from ..learning.settings import TrainSettings
from ..representation.representation import Representation
from ..representation.untrained import random_arm
from ._bench import Bench

SHOWN = 5  # names in a message
RESCALED_ON = 256  # training images that random weights are rescaled to


def opened(argument: str, given: Any) -> list[Representation]:
    """One or several representations, by name, folder or as they are; their weights must differ."""
    several = list(given) if isinstance(given, list | tuple) else [given]
    if not several:
        raise bad(argument, "nothing", "the folder of a run")
    found = []
    for one in several:
        if isinstance(one, Representation):
            found.append(one)
            continue
        path = Path(str(one)).expanduser()
        if path.exists() and not (path / "config.json").is_file():
            raise bad(
                argument,
                f"{str(one)!r}, which holds no finished representation",
                "the folder of a run",
                "`regard create --out FOLDER` makes one; a run that was stopped goes on with the same command.",
            )
        found.append(Representation.load(one))
    prints = [rep.fingerprint for rep in found]
    if len(set(prints)) < len(prints):
        raise bad(argument, "the same weights twice", "runs with different seeds")
    return found


def named_others(against: Sequence[Any]) -> dict[str, list[Representation]]:
    """Other runs by a short name of letters, digits and underscores, each another one."""
    named: dict[str, list[Representation]] = {}
    for other in against:
        reps = opened("--against", other)
        text = Path(reps[0].loaded_from).name if reps[0].loaded_from else reps[0].name
        base = "".join(c if c.isalnum() and c.isascii() else "_" for c in text.lower()).strip("_") or "other"
        name, place, taken = base, 2, {*named, "random", "rescaled", "run", "ceiling"}
        while name in taken:
            name, place = f"{base}_{place}", place + 1
        named[name] = reps
    return named


def check_alike(first: Representation, others: Mapping[str, list[Representation]]) -> list[str]:
    """Refuse runs of one recipe on different networks; note other runs whose difference is not of training alone."""
    notes = []
    for name, reps in others.items():
        for rep in reps:
            if (rep.encoder.name, rep.preprocess) == (first.encoder.name, first.preprocess):
                continue
            theirs, ours = (f"{one.encoder.name} at {one.preprocess.size} px" for one in (rep, first))
            if name == "RUN":
                raise bad("RUN", f"{theirs} beside {ours}", "runs of one recipe", "Give other runs with --against.")
            notes.append(f"{name} is {theirs}, the run {ours}: their difference is not one of training alone.")
    return notes


def check_leaks(reps: Sequence[Representation], known: Split) -> list[str]:
    """Refuse a run that learned from pictures of TEST alone, as far as its folder tells; note what it does not tell."""
    here, there = ([content_hash(read(item)) for item in images.items] for images in (known.train, known.held_out))
    whole = {hash_json(sorted(here + there)): "TRAIN and TEST together", hash_json(sorted(there)): "TEST"}
    notes = []
    for rep in reps:
        name, learned = rep.loaded_from or rep.name, rep.card.get("data", {}).get("content")
        if learned in whole:
            raise bad(
                "TEST",
                f"images that {name} learned from: its training set is {whole[learned]}",
                "images that it has not seen",
                "Split first, and create from the TRAIN part alone.",
            )
        told = read_learned(rep)
        if seen := [row for row, one in enumerate(there) if one in told.pictures and one not in here]:
            names = ", ".join(known.held_out.called(row) for row in seen[:SHOWN])
            raise bad(
                "TEST",
                f"{len(seen)} image(s) that {name} learned from: {names}",
                "images that it has not seen",
                "Create without them, or take them out of TEST.",
            )
        copies = len(set(here) & set(there))
        if learned == hash_json(sorted(here)):
            notes.append(
                f"leak: {name} learned from TRAIN, which holds copies of {copies} image(s) of TEST."
                if copies
                else f"checked: {name} learned from the images of TRAIN and no others; none of them is in TEST."
            )
        elif told.pictures and not told.unknown and not copies:
            notes.append(f"checked: none of the {len(told.pictures)} images that {name} learned from is in TEST.")
        elif rep.card.get("made_by") != "drawn at random":
            why = "a card holds one hash of a whole training set, and this set is not TRAIN"
            why = why if learned else "its card does not say from which images it learned"
            notes.append(
                f"not checked: whether {name} learned from images of TEST; {why}. To be sure, split first and create "
                "from TRAIN."
            )
    return notes


def first_seeds(runs: Sequence[Representation], bench: Bench) -> list[int]:
    """Seeds of the random networks: those that the runs began from where known, then the next ones."""
    own = [run.card.get("training", {}).get("seed") for run in runs]
    found = [int(s) for s in dict.fromkeys(own) if isinstance(s, int)][: bench.seeds]
    following = max(found, default=bench.seed - 1) + 1
    return [*found, *range(following, following + bench.seeds - len(found))]


def rescaled_arm(like: Representation, seed: int, bench: Bench) -> Representation:
    """Such a network, rescaled to images of TRAIN; labels are not looked at."""
    rep, feed = random_arm(like, seed), bench.feed(like.preprocess)[0]
    rows = numpy_rng(bench.seed, "rescaled").permutation(len(bench.known.train))[:RESCALED_ON]
    images: Tensor = feed(np.sort(rows)).images.to(bench.device).float() / 255
    rescale(rep.encoder.to(bench.device), images, seed=bench.seed)
    return rep


def ceiling_arm(run: Representation, bench: Bench) -> Representation:
    """The run's network, trained on TRAIN's labels with the run's own length, rate, batch and seed."""
    told = run.card.get("training", {})
    names = ("batch", "lr", "weight_decay", "schedule", "warmup", "clip")
    kept = {name: told[name] for name in names if told.get(name) is not None}
    if "batch" in kept:
        kept["batch"] = min(int(kept["batch"]), max(len(bench.known.train) // 2, 1))
    if told.get("steps_done"):
        kept["steps"] = int(told["steps_done"])
    else:
        bench.notes.append("ceiling: the run does not say how many steps it had, so the length is the usual one.")
    with tempfile.TemporaryDirectory() as folder:
        made = train(
            bench.known.train,
            "labels",
            backbone=run.encoder.name,
            norm=run.encoder.config.get("norm"),
            out=Path(folder) / "ceiling",
            settings=TrainSettings(
                **kept, seed=int(told.get("seed", bench.seed)), device=bench.device, precision="fp32"
            ),
            size=run.encoder.input_size,
            holdout=0.01,
        )
    return made.at(run.encoder.ends) if run.encoder.ends else made
