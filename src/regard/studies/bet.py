"""The gelato bet on a user's own pictures: does pretraining without labels match pretraining with them, in detection?

Arms differ in what their network saw before (see `bet_arms`): nothing, nothing but rescaled to the pictures, the
pictures without labels by each pretext task, their objects with the names of classes (`supervised`, which is what
ImageNet was in the bet), and ImageNet itself (another network, weights from outside; it decides nothing). Each arm then
gets the same detectors, learned from the same annotated pictures with as many steps, batches and rates to choose from.
The test pictures are looked at by the final score alone: rates, and the pretext task that stands for all, are chosen on
a part of TRAIN.

Everything lies in one folder: `bet.json`, `pretrain/` (runs of `create`), `proposals.npz`, `detect/` (runs of the
detectors, whose weights go when they are scored), `cells/` (what each is worth on each test picture). The same call
goes on where it was stopped, to the same numbers.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from ..core.checks import bad, check_number
from ..core.events import Event
from ..core.leftovers import clear
from ..core.records import listed, maybe, number, read_record, whole
from ..core.runtime import numpy_rng, pick_device
from ..core.storage import hash_json, new_folder, write_json
from ..data.imageset import ImageSet, concatenate
from ..data.sampling import hold_out, one_part
from ..learning.checkpoint import refuse_other
from ..reuse.dense.apart import apart, contents, refuse_same
from .bet_arms import Arms
from .bet_cells import Cell, Detectors, searched
from .bet_found import Bet, chosen_of, experiment_of
from .bet_history import MARGIN
from .bet_plan import PROTOCOLS, SUPERVISED, Plan, Steps, estimated, within

FILE = "bet.json"
SCORED_ON = 200  # test pictures, where no other number is given
_KEYS = {"steps": listed(whole(1), 2, 2), "minutes": maybe(number(0))}
Watch = Callable[[Iterable[Event]], Iterable[Event]]


def run_bet(
    images: ImageSet,
    test: ImageSet | None = None,
    *,
    out: str | Path,
    plan: Plan | None = None,
    pretrain: ImageSet | None = None,
    pictures: int | None = None,
    test_pictures: int = SCORED_ON,
    margin: float = MARGIN,
    minutes: float | None = None,
    device: str = "auto",
    watch: Watch | None = None,
) -> Bet:
    """Run it, or go on with it.

    Args:
        images: annotated; where a column `split` tells train from test, these are the parts.
        test: annotated pictures to be scored on; None: the test part, or else a quarter of `images`.
        out: a new or empty folder, or that of the same bet.
        plan: arms, protocols, seeds, steps; None: the usual.
        pretrain: further pictures that pretext tasks learn from, beside those of TRAIN.
        pictures: so many annotated pictures for detectors and `supervised`, drawn from TRAIN; None: all. Pretext tasks
            see all of TRAIN in any case.
        test_pictures: so many test pictures at most, drawn.
        margin: of AP; a loss by less is none.
        minutes: how long it may take here, which sets the steps.
        device: auto | cpu | cuda | mps.
        watch: wraps the stream of events.

    Raises:
        InputError: no annotations, a picture in two parts, too few objects, or `out` holds another bet.
        RunError: a training went wrong.
    """
    began, asked = monotonic(), plan or Plan()
    check_number("--margin", margin, 0, 1, open_low=True)
    for name, value in (("--pictures", pictures), ("--test-pictures", test_pictures)):
        if value is not None:
            check_number(name, value, 2, whole=True)
    train, scored, unlabelled, notes, content = _parts(images, test, pretrain, pictures, test_pictures, asked.seed)
    arms = Arms(asked, Path(out), unlabelled, train, pick_device(device), notes)
    arms.pictures(SUPERVISED)  # raises where there are too few objects, before anything is written
    clear(new_folder("--out", arms.folder, marker=FILE))
    settled = arms.plan = _settled(arms.folder, asked, minutes, len(train), len(scored), content)
    cells: dict[str, dict[str, list[Cell]]] = {}
    events = _events(arms, train, scored, cells)
    for _ in watch(events) if watch else events:
        pass
    saw = {name: arms.told(name) for name in settled.arms}
    cost = {name: float(np.mean(took)) for name, took in arms.seconds.items()}
    tasks = settled.tasks
    chosen = {name: chosen_of(tasks, by_arm) for name, by_arm in cells.items()}
    if not all(means for _, means in chosen.values()):
        few = "Detectors had too few steps for short runs: no rate was chosen, and"
        notes.append(f"{few} {tasks[0]}, the first of --tasks, stands for all.")
    return Bet(
        settled,
        {name: experiment_of(by_arm, cost) for name, by_arm in cells.items()},
        {name: task for name, (task, _) in chosen.items()},
        {name: means for name, (_, means) in chosen.items()},
        {name: {arm: [one.rate for one in of] for arm, of in by_arm.items()} for name, by_arm in cells.items()},
        margin,
        saw,
        {"train": len(train), "test": len(scored), "unlabelled": len(unlabelled)},
        tuple(dict.fromkeys(notes)),
        monotonic() - began,
    )


def _events(
    arms: Arms, train: ImageSet, test: ImageSet, cells: dict[str, dict[str, list[Cell]]]
) -> Generator[Event, None, None]:
    """One event for each pretraining and each detector that is done."""
    plan = arms.plan
    total = plan.seeds * (len(plan.learned) + len(plan.protocols) * len(plan.arms))
    fixed, varies = estimated(plan, len(train), len(test))
    left = f"about {max(1, round((fixed + varies) / 60))} minutes on this machine, if nothing of it is done yet"
    steps = f"{plan.steps.pretrain} steps of pretraining and {plan.steps.detect} of each detector"
    yield Event("bet", 0, total, {}, f"{total} trainings, {steps}: {left}")
    done = 0
    for arm in plan.learned:
        for seed in plan.turns:
            yield from _silent(arms.pretrained(arm, seed))
            done += 1
            yield Event("bet", done, total, {}, f"pretrained {arm} {seed}")
    proposals = None
    if PROTOCOLS[0] in plan.protocols:
        proposals = yield from searched(arms.folder, [train, test])
    detectors = Detectors(plan, arms.folder, train, test, arms.device, proposals)
    for protocol in plan.protocols:
        by_arm = cells.setdefault(protocol, {})
        for arm in plan.arms:
            for seed in plan.turns:
                found = detectors.kept(protocol, arm, seed)
                if found is None:
                    found = yield from _returned(detectors.trained(protocol, arm, seed, arms.network(arm, seed)))
                    detectors.kept(protocol, arm, seed)
                by_arm.setdefault(arm, []).append(found)
                done += 1
                ap = float(found.scores["ap50"].mean())
                yield Event("bet", done, total, {"ap50": ap}, f"{protocol} on {arm} {seed}: AP50 {ap:.3f}")
    yield Event("done", total, total)


def _silent(events: Iterable[Event]) -> Iterator[Event]:
    """Run through the steps of a training, whose own events are in its folder's log."""
    for _ in events:
        pass
    yield from ()


def _returned(events: Generator[Event, None, Cell]) -> Generator[Event, None, Cell]:
    """The same, and give what it returns."""
    yield from ()
    while True:
        try:
            next(events)
        except StopIteration as stop:
            found: Cell = stop.value
            return found


def _parts(
    images: ImageSet,
    test: ImageSet | None,
    pretrain: ImageSet | None,
    pictures: int | None,
    test_pictures: int,
    seed: int,
) -> tuple[ImageSet, ImageSet, ImageSet, list[str], dict[str, Any]]:
    """Annotated pictures to learn from, those to be scored on, those without labels; notes; and hashes of all."""
    notes: list[str]
    if test is None:
        every, test, notes = hold_out(images, 0.25, seed)
    else:
        (every, here), (test, there) = one_part(images, "train", "VOC"), one_part(test, "test", "--test")
        notes = [*here, *there]
    test = _apart_by_name(every, test)
    train, scored = _drawn(every, pictures, seed), _drawn(test, test_pictures, seed)
    for many, of, what in ((train, every, "to learn from"), (scored, test, "to be scored on")):
        if len(many) < len(of):
            notes.append(f"{len(many)} of the {len(of)} annotated pictures {what} were drawn.")
    both, _ = apart(every, scored)
    _need_objects(train, scored)
    unlabelled = every.without_labels()
    hashes: list[str] = []
    if pretrain is not None:
        more, hashes = pretrain.without_labels(), contents(pretrain)
        refuse_same("--pretrain", more, hashes, set(contents(scored)))
        more = replace(more, ids=np.array([f"pretrain/{name}" for name in more.ids.tolist()]))
        unlabelled = concatenate([unlabelled, more])
    content = {
        "images": both,
        "pretrain": None if pretrain is None else hash_json(sorted(hashes)),
        "pictures": len(train),
        "scored": len(scored),
    }
    return train, scored, unlabelled, notes, content


def _apart_by_name(train: ImageSet, test: ImageSet) -> ImageSet:
    """The test pictures with names that no training picture has, as proposals are known by them."""
    if not set(train.ids.tolist()) & set(test.ids.tolist()):
        return test
    return replace(test, ids=np.array([f"test/{name}" for name in test.ids.tolist()]))


def _drawn(images: ImageSet, count: int | None, seed: int) -> ImageSet:
    if count is None or count >= len(images):
        return images
    return images.subset(np.sort(numpy_rng(seed, "bet").permutation(len(images))[:count]))


def _need_objects(train: ImageSet, test: ImageSet) -> None:
    """Refuse what could not be scored in the end, before anything is learned."""
    for argument, images in (("VOC", train), ("--test", test)):
        if images.annotations is None:
            raise bad(argument, f"{images.name} without annotations", "pictures with boxes")
        seen = sum(one.boxes is not None and len(one.boxes) > 0 for one in images.annotations)
        if seen < 2:
            raise bad(argument, f"{seen} of {len(images)} pictures with an object", "at least two", "Add pictures.")


def _settled(folder: Path, plan: Plan, minutes: float | None, train: int, test: int, content: dict[str, Any]) -> Plan:
    """The plan with its steps, as it stands in the folder, or as it is written there now."""
    path = folder / FILE
    kept = read_record(path, _KEYS) if path.is_file() else None
    if minutes is not None:
        check_number("--minutes", minutes, 0, open_low=True)
        same = kept is not None and kept.get("minutes") == minutes
        plan = replace(plan, steps=Steps(*kept["steps"])) if kept and same else within(plan, minutes, train, test)
    arguments = {**asdict(plan), "steps": list(plan.steps), "minutes": minutes, **content}
    if kept is not None:
        refuse_other("--out", folder, kept, arguments)
    write_json(path, arguments)
    return plan
