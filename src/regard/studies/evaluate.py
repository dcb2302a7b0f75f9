"""Did pretraining help? A run against random networks of the same kind, measured so that luck and leaks do not count.

All arms have one network, one input size, the same images, classifiers and draws; they differ in their weights alone:

- `random`: weights as they are drawn, several seeds; the first is the one that the run began from, where known.
- `rescaled`: the same, rescaled to the training images (Krähenbühl et al. 2016): what knowing the images' statistics
  gives without any learning.
- `run`: what is evaluated; several runs of one recipe with different seeds are averaged.
- other runs (`against`), and `ceiling`: the same network trained on the labels of TRAIN for as many steps.

A difference is taken image by image between means over seeds, and its interval holds all luck: which images are tested
(or identities, where some have several), which weights were drawn, and which few labels (see `experiment`). With the
images alone, one random network was called better or worse than five others in 11 (linear probe) to 92 (mean AP) of 100
comparisons on digits; with both in 0 to 5. "No gain" is said where the interval includes 0. Nothing is chosen by TEST:
the best layer is the one that cross-validation on TRAIN prefers.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..core.checks import bad, check_number
from ..core.events import Event
from ..core.runtime import measured, pick_device
from ..core.values import group_codes
from ..data.imageset import ImageSet
from ..metrics.contrast import Difference, contrast
from ..representation.representation import Representation
from ..representation.untrained import random_arm
from ..reuse.pairs import open_pair
from ._arms import ceiling_arm, check_alike, check_leaks, first_seeds, named_others, opened, rescaled_arm
from ._bench import Bench
from .evaluation import Evaluation, Network, title
from .experiment import Design, Experiment

TUNINGS = 5  # of each arm at most
Watch = Callable[[Iterable[Event]], Iterable[Event]]
_Maker = Callable[[], Representation]


def evaluate(
    run: Any,
    train: Any,
    test: Any,
    *,
    seeds: int = 8,
    shots: Sequence[int] = (1, 5, 10),
    layers: bool = True,
    finetune: bool = True,
    finetune_steps: int = 200,
    against: Sequence[Any] = (),
    ceiling: bool = False,
    seed: int = 0,
    device: str = "auto",
    watch: Watch | None = None,
) -> Evaluation:
    """Evaluate a run against random networks of the same kind.

    Args:
        run: a run's folder, a `Representation`, or several of one recipe with different seeds.
        train: labelled images that classifiers learn from.
        test: labelled images that they are scored on; none of them may be among what the run learned from.
        seeds: random networks, and draws for each of `shots`; at least 2. With 3 an interval is 1.8 times as wide as
            with 8, since so few tell little of their spread, and from 2 nothing but a large difference can be told.
        shots: also with this many labels a class.
        layers: probe every layer of the network, not the last alone.
        finetune: fine-tune every arm, five times (as often as `seeds` where that is less) with other heads and orders;
            all weights learn at one rate, so that random ones are not held back.
        finetune_steps: the budget of each fine-tuning.
        against: other runs, each given as `run` is.
        ceiling: train the same network on the labels of TRAIN too, for as many steps as the run had: costs what the
            run cost.
        seed: of draws and folds, and of random networks where the run does not tell its own.
        device: auto | cpu | cuda | mps; everything is computed in fp32.
        watch: wraps the stream of progress events.

    Raises:
        InputError: a folder that holds no run; no labels, one class, a test class that training lacks, a class too
            small for `shots`; the same image in both sets; a run that learned from the test images.
    """
    check_number("--seeds", seeds, 2, whole=True)
    check_number("--finetune-steps", finetune_steps, 1, whole=True)
    for shot in shots:
        check_number("--shots", shot, 1, whole=True)
    runs = opened("RUN", run)
    others = named_others(against)
    known, notes, _ = open_pair(train, test, seed)
    counts = np.unique(known.train.need_labels("TRAIN"), return_counts=True)
    need = max(2, *shots) if shots else 2
    if counts[1].min() < need:
        got = f"{counts[1].min()} image(s) of class {str(counts[0][counts[1].argmin()])!r}"
        raise bad("TRAIN", got, f"at least {need} of each class", "Add images, or ask for fewer --shots.")
    notes += check_leaks([*runs, *(rep for reps in others.values() for rep in reps)], known)
    notes += check_alike(runs[0], {"RUN": runs[1:], **others})
    bench = Bench(known, tuple(shots), layers, finetune_steps if finetune else 0, seeds, seed, pick_device(device))
    arms: dict[str, Network] = {}
    with measured() as cost:
        events = _events(bench, runs, others, ceiling, arms)
        for _ in watch(events) if watch else events:
            pass
    units = _units(known.held_out)
    found = Experiment(
        arms, units, designs=_designs(shots, known.train), titles={m: title(m) for m in arms["run"].scores}
    )
    contrasts = (*found.contrasts("random"), *(one for name in others for one in found.contrasts(name, ["run"])))
    labels, truth = known.train.labels, known.held_out.labels
    assert labels is not None and truth is not None  # open_pair has seen to it
    about = {
        "run": [rep.loaded_from or rep.name for rep in runs],
        "network": runs[0].encoder.name,
        "size": runs[0].preprocess.size,
        "random_seeds": first_seeds(runs, bench),
        "train": known.train.name,
        "test": known.held_out.name,
        "shots": list(shots),
        "finetune_steps": bench.steps,
        "seed": seed,
    }
    if len(runs) == 1:
        notes.append(
            "One run: its spread over training seeds is taken to be that of random networks. Give several runs."
        )
    return Evaluation(
        found,
        contrasts,
        float(np.mean(truth == counts[0][counts[1].argmax()])),
        {"train": len(labels), "test": len(truth), "classes": len(counts[0]), "units": len(np.unique(units))},
        about,
        tuple(dict.fromkeys([*notes, *bench.notes])),
        cost.seconds,
    )


def _events(
    bench: Bench,
    runs: list[Representation],
    others: Mapping[str, list[Representation]],
    ceiling: bool,
    arms: dict[str, Network],
) -> Iterator[Event]:
    """Make and measure every arm; one event for each network that was measured or fine-tuned."""
    first = first_seeds(runs, bench)
    rescaled = "random weights, rescaled to the training images"
    plan: list[tuple[str, str, list[_Maker]]] = [
        ("random", "weights as they are drawn", [partial(random_arm, runs[0], s) for s in first]),
        ("rescaled", rescaled, [partial(rescaled_arm, runs[0], s, bench) for s in first]),
        ("run", _made(runs), [partial(_same, rep) for rep in runs]),
    ]
    plan += [(name, _made(reps), [partial(_same, rep) for rep in reps]) for name, reps in others.items()]
    if ceiling:
        plan.append(("ceiling", "trained on the labels of TRAIN", [partial(ceiling_arm, runs[0], bench)]))
    tunings = min(bench.seeds, TUNINGS) if bench.steps else 0
    total, done = sum(len(members) + tunings for _, _, members in plan), 0
    for name, what, members in plan:
        found, tuned = [], []
        with measured() as cost:
            reps = [make() for make in members]
        for rep in reps:
            found.append(bench.measure(rep, noted=name == "run"))
            done += 1
            yield Event("evaluate", done, total, {f"{name}_linear": float(found[-1].scores["linear"].mean())})
        for turn in range(tunings):
            tuned.append(bench.tuned(reps[turn % len(reps)], turn))
            done += 1
            yield Event("evaluate", done, total, {f"{name}_finetuned": float(tuned[-1].mean())})
        scores = {key: np.stack([one.scores[key] for one in found]) for key in found[0].scores}
        figures = {key: np.stack([one.figures[key] for one in found]) for key in found[0].figures}
        if tuned:  # several heads of one network are one seed of it
            rows = [np.mean(tuned[start :: len(reps)], axis=0) for start in range(min(len(reps), len(tuned)))]
            scores["finetuned"] = np.stack(rows)
        # all networks learn from the same deals, which are what varies
        figures["shuffled"] = figures["shuffled"].mean(axis=0)
        layers = tuple(one.best for one in found) if bench.layers else ()
        arms[name] = Network(
            name, scores, what, cost.seconds if name == "ceiling" else None, figures=figures, best_layers=layers
        )
    yield Event("done", total, total)


def over_units(a: np.ndarray, b: np.ndarray, units: np.ndarray) -> Difference:
    """Difference of (n,) and (n,) over units (n,), each of which counts with all its images: no luck but theirs.

    Images that are NaN in either, since there is nothing to find, are left out.

    >>> over_units(np.array([1.0, 1, 0]), np.array([0.0, 0, 0]), np.array(["x", "x", "y"])).mean
    0.6666667
    """
    return contrast(a, b, units)


def _designs(shots: Sequence[int], train: ImageSet) -> dict[str, Design]:
    """With few labels all arms learn from the same draws, each a share of TRAIN."""
    classes = len(np.unique(train.need_labels("TRAIN")))
    return {f"linear_{shot}shot": Design(paired=False, share=min(shot * classes / len(train), 0.9)) for shot in shots}


def _units(images: ImageSet) -> np.ndarray:
    """What test images are of: identities where known, else themselves."""
    known = images.columns.get("identity")
    return np.asarray(images.ids) if known is None else group_codes(known, "identity")


def _made(reps: Sequence[Representation]) -> str:
    made = str(reps[0].card.get("made_by") or reps[0].name)
    return made if len(reps) == 1 else f"{made}, and {len(reps) - 1} more"


def _same(rep: Representation) -> Representation:
    return rep
