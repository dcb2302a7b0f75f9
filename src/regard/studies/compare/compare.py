"""Is A useful for a task, against B? Arms that share pictures, labels, seeds and steps, and the answer in a sentence.

See `contract` for the tasks, `labels_saved` for the answer, `reading` for levels and differences (which are the
experiment engine's), `leaks` for what arms have seen. The draws of labels are parts of TRAIN, which is taken as it is:
intervals hold the luck of test pictures, of which pictures of TRAIN are labelled, of random weights, heads and orders.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.checks import InputError, bad, check_choice, check_number
from ...core.discover import load, names
from ...core.events import Event
from ...core.runtime import measured, pick_device
from .arms import Entrant, Given, entrants
from .contract import WAYS, Sides, Task
from .draws import checked_numbers, ladder
from .foresight import Foresight, foresee
from .leaks import Leak, find_leaks, refuse
from .reading import Reading
from .run import Plan

FEWEST_SEEDS = 3
ALL = "all"
Watch = Callable[[Iterable[Event]], Iterable[Event]]


@dataclass(frozen=True)
class Comparison:
    """What was found.

    Attributes:
        readings: one for each task and way.
        arms: by name, in words.
        baseline: the arm that the others are compared with.
        foresight: what could have been said without training; None where TRAIN has no labels.
        leaks: test pictures that arms have seen, which was allowed.
        about: what was asked.
        notes: what a reader should know.
        seconds: what it took.
    """

    readings: tuple[Reading, ...]
    arms: Mapping[str, str]
    baseline: str
    foresight: Foresight | None
    leaks: tuple[Leak, ...]
    about: Mapping[str, Any]
    notes: tuple[str, ...]
    seconds: float

    @property
    def others(self) -> list[str]:
        """The arms but for the baseline; the first is the one that the answer is about."""
        return [name for name in self.arms if name != self.baseline]

    @property
    def sentences(self) -> list[str]:
        """The answers, the one that was asked for first; with leaks they begin with these."""
        told = [reading.sentence(name) for name in self.others for reading in self.readings]
        return [*(f"Leak: {one.sentence()}." for one in self.leaks), *told]

    @property
    def reached(self) -> dict[str, float]:
        """By arm, the main measure of the first reading with all labels."""
        first = self.readings[0]
        sign = 1 if first.main.larger_is_better else -1
        return {name: sign * first.level(name).mean for name in self.arms}

    @property
    def metrics(self) -> dict[str, float | None]:
        """Flat names to numbers: those of the answer, then those of each arm and reading."""
        found: dict[str, float | None] = {}
        for reading in self.readings:
            for name in self.others:
                told = _figures(reading, name)
                found = {**told, **found} if not found else found  # those without a name are the answer's
                found |= {f"{self.key(reading, name)}_{key}": value for key, value in told.items()}
            for name in self.arms:
                cost, key = reading.costs[name], self.key(reading, name)
                found |= {
                    key: reading.level(name).mean,
                    f"{key}_seconds": round(cost.seconds, 3),
                    f"{key}_mib": cost.mib,
                    f"{key}_parameters": cost.parameters,
                    f"{key}_minutes": cost.minutes,
                }
        return found

    def key(self, reading: Reading, arm: str) -> str:
        """What the figures of an arm are called: the arm, the way, and before them the task where there are several."""
        several = len({one.task for one in self.readings}) > 1
        return f"{reading.task}_{arm}_{reading.way}" if several else f"{arm}_{reading.way}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "answer": self.sentences[0],
            "sentences": self.sentences,
            "baseline": self.baseline,
            "arms": dict(self.arms),
            "readings": [one.as_dict() for one in self.readings],
            "transferability": None if self.foresight is None else self.foresight.as_dict(self.reached),
            "leaks": [{"arm": one.arm, "how": one.how, "pictures": list(one.pictures)} for one in self.leaks],
            "about": dict(self.about),
        }


def compare(
    train: object,
    test: object,
    tasks: Sequence[str],
    given: Sequence[Given | tuple[str, Given]],
    *,
    folder: Path,
    baseline: str | None = None,
    ways: Sequence[str] = WAYS,
    labels: Sequence[int] = (),
    seeds: int = 5,
    seed: int = 0,
    steps: int | None = None,
    size: int | None = None,
    device: str = "auto",
    pretrained_on: Mapping[str, object] | None = None,
    allow_leak: bool = False,
    watch: Watch | None = None,
) -> Comparison:
    """Compare representations; see `verbs.compare` for what the arguments mean.

    Raises:
        InputError: data that do not fit the task, names that are not there, a leak.
    """
    check_number("--seeds", seeds, FEWEST_SEEDS, whole=True)
    check_number("--seed", seed, 0, whole=True)
    for name in tasks:
        check_choice("--task", name, [*names("compare"), ALL], see="regard methods compare")
    for way in ways:
        check_choice("--way", way, WAYS)
    if not tasks or not ways:
        raise bad("--task, --way", "none", "at least one of each")
    for number, name in ((steps, "--steps"), (size, "--size")):
        if number is not None:
            check_number(name, number, 8 if name == "--size" else 1, whole=True)
    place, notes = pick_device(device), list[str]()
    opened = _opened(train, test, tasks, seed, notes)
    sides = next(iter(opened.values()))[1]
    arms = entrants(given, sides.train, seed)
    base = list(arms)[-1] if baseline is None else check_choice("--baseline", baseline, list(arms))
    leaks, told = find_leaks(arms, sides, pretrained_on or {})
    if not allow_leak:
        refuse(leaks)
    notes += [*_luck(arms), *_sizes(arms), *told]
    plans = []
    for name, (task, its) in opened.items():
        mine = [way for way in ways if way in task.ways]
        if not mine:
            notes.append(f"{name} is not fine-tuned, and was left out.")
            continue
        numbers = _numbers(task, its, labels)
        if task.learns and len(numbers) < 2:
            notes.append(f"{name}: one number of labels alone, so that there is no curve and no answer in labels.")
        plans.append(Plan(name, task, its, arms, base, mine, numbers, seeds, seed, steps, size, place, folder))
    if not plans:
        raise bad("--way", ", ".join(ways), "a way that the task has", notes[-1])
    found: list[Reading] = []
    with measured() as cost:
        events = _events(plans, found)
        for _ in watch(events) if watch else events:
            pass
        ahead = foresee(arms, plans[0].sides, plans[0].labelled, place)
    for plan in plans:
        notes += plan.sides.notes
    for reading in found:
        notes += reading.notes
    about = {
        "train": sides.train.name,
        "test": sides.test.name,
        "pictures": {"train": len(sides.train), "test": len(sides.test)},
        "tasks": [plan.name for plan in plans],
        "ways": list(ways),
        "seeds": seeds,
        "seed": seed,
    }
    told_arms = {name: one.what for name, one in arms.items()}
    return Comparison(
        tuple(found), told_arms, base, ahead, tuple(leaks), about, tuple(dict.fromkeys(notes)), cost.seconds
    )


def _opened(
    train: object, test: object, tasks: Sequence[str], seed: int, notes: list[str]
) -> dict[str, tuple[Task, Sides]]:
    """The tasks with their data; of `all` those that the data fit, the others in notes."""
    wanted = names("compare") if ALL in tasks else list(dict.fromkeys(tasks))
    found: dict[str, tuple[Task, Sides]] = {}
    for name in wanted:
        task: Task = load("compare", name)
        try:
            found[name] = task, task.open(train, test, seed)
        except InputError as error:
            if ALL not in tasks:
                raise
            notes.append(f"{name} was left out: {error}")
    if not found:
        raise bad("--task", ALL, "data that fit one task at least", "; ".join(notes))
    return found


def _events(plans: Sequence[Plan], found: list[Reading]) -> Generator[Event, None, None]:
    total, done = sum(plan.cells for plan in plans), 0
    for plan in plans:
        found += yield from plan.events(done, total)
        done += plan.cells
    yield Event("done", total, total)


def _numbers(task: Task, sides: Sides, labels: Sequence[int]) -> list[int]:
    if not task.learns:
        return []
    count = len(sides.train)
    if sides.least > count:
        raise bad("TRAIN", f"{count} pictures", f"at least {sides.least}, so that each class has one")
    return checked_numbers(labels, count, sides.least) if labels else ladder(count, sides.least)


def _luck(arms: Mapping[str, Entrant]) -> list[str]:
    lone = [name for name, one in arms.items() if not one.varies]
    if not lone:
        return []
    return [
        f"{', '.join(lone)}: one network, so that the luck of its own pretraining is in no interval. Give several runs "
        f"of one recipe with other seeds to have it in: --with {lone[0]}=RUN1 --with {lone[0]}=RUN2."
    ]


def _sizes(arms: Mapping[str, Entrant]) -> list[str]:
    seen = {f"{one.runs[0].encoder.name} at {one.runs[0].preprocess.size} px": name for name, one in arms.items()}
    if len(seen) < 2:
        return []
    told = ", ".join(f"{name} is {what}" for what, name in seen.items())
    return [f"Arms are other networks or see other sizes, so that they differ by more than pretraining: {told}."]


def _figures(reading: Reading, arm: str) -> dict[str, float | None]:
    """The numbers of one answer."""
    gain, saved = reading.gain(arm), reading.saved[arm]
    ends = gain.as_dict()
    found: dict[str, float | None] = {"labels_saved": None, "low": None, "high": None}
    if saved is not None:
        low, high = saved.ends
        found = {"labels_saved": saved.share, "low": low, "high": high, "beyond": float(saved.beyond)}
    return {**found, "gain": gain.mean, "gain_low": ends["low"], "gain_high": ends["high"]}
