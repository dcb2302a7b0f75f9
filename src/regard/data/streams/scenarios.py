"""Ways to cut data into tasks: one task, classes by classes, domain by domain, part by part, image by image.

The names are the field's: van de Ven and Tolias 2019, Three scenarios for continual learning (arXiv 1904.07734), and
Lomonaco et al. 2021, Avalanche (CVPR workshops). All follow from hashes of names, ids and the seed: the order of files
does not matter, and the same image is in the same task on every machine.

Each takes a `Part`, or what names images, and gives a `Stream`; each raises InputError for settings out of range, an
unknown class, and what `Task` and `Stream` refuse.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...core.checks import bad, check_choice, check_number
from ...core.values import as_text, gaps
from ..imageset import ImageSet
from ..sampling import group_names
from ._class_order import BY_SEED, Order, class_groups, class_order
from .part import Part, as_part, files_under, ranks, rows_of
from .stream import Stream
from .task import Task, named

CHUNK = 10


def single(data: Any) -> Stream:
    """One task, called as the part is.

    >>> [(task.name, len(task.train), len(task.test)) for task in single(Part("builtin:digits", name="digits")).tasks]
    [('digits', 1350, 447)]
    """
    part = as_part(data)
    learn, scored, notes = part.halved()
    return part.stream(part.tasks("", learn, scored), notes)


def online(data: Any, chunk: int = CHUNK) -> Stream:
    """Task-free: all classes mixed, in small chunks of so many images that are each seen once.

    Any other scenario in chunks, class by class say, is its own with a part's `chunk`.

    >>> stream = online("builtin:digits", chunk=100)
    >>> len(stream), stream.tasks[0].name, len(stream.tasks[-1].train), list(stream.tests)
    (14, 'stream.1', 50, ['stream'])
    """
    part = as_part(data)
    return single(replace(part, chunk=chunk if part.chunk is None else part.chunk))


def class_incremental(
    data: Any,
    classes_per_task: int = 2,
    *,
    first: int | None = None,
    order: Order = BY_SEED,
    groups: Sequence[Sequence[str]] | None = None,
) -> Stream:
    """New classes with each task: tasks NAME-1, NAME-2 ...

    Args:
        data: labelled images.
        classes_per_task: the last task has those that are left.
        first: classes of the first task, where it has more; None: as many.
        order: `seed` (another seed, another order), `sorted`, or a list of all classes.
        groups: in place of these three the classes of each task. A class may be in several where the part says `again`:
            its images are then dealt out over these tasks, and tested in each.

    >>> stream = class_incremental("builtin:digits", order="sorted", first=4, classes_per_task=3)
    >>> [(task.name, " ".join(task.new)) for task in stream.tasks]
    [('stream-1', '0 1 2 3'), ('stream-2', '4 5 6'), ('stream-3', '7 8 9')]
    """
    part = as_part(data)
    learn, scored, notes = part.halved()
    learn.need_labels("train", 1)
    sets = class_groups(learn.classes, classes_per_task, first, order, groups, part.seed)
    number = group_of(learn, sets, part)
    left = [one for one in learn.classes if not any(one in group for group in sets)]
    if left:
        notes = [*notes, f"{named(left)} are in none of the groups and were left out."]
    tasks: list[Task] = []
    for place, group in enumerate(sets):
        tasks += part.tasks(str(place + 1), rows_of(learn, number == place), only(scored, group))
    return part.stream(tasks, notes)


def data_incremental(data: Any, parts: int = 5) -> Stream:
    """More images of the same classes with each task: tasks NAME-1 to NAME-parts, all with the whole test part.

    >>> stream = data_incremental("builtin:digits", parts=3)
    >>> [len(task.train) for task in stream.tasks], len(stream.tasks[2].new)
    ([454, 451, 445], 0)
    """
    check_number("parts", parts, 1, whole=True)
    part = as_part(data)
    learn, scored, notes = part.halved()
    number = np.empty(len(learn), dtype=np.int64)
    strata = np.full(len(learn), "all") if learn.labels is None else learn.labels
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        if len(rows) < parts:
            what = "images" if learn.labels is None else f"images of {str(stratum)!r}"
            raise bad("parts", parts, f"at most {len(rows)}, the {what} to learn from", "Ask for fewer.")
        number[rows] = ranks(learn.ids[rows], part.seed, "parts") * parts // len(rows)
    tasks: list[Task] = []
    for place in range(parts):
        tasks += part.tasks(str(place + 1), rows_of(learn, number == place), scored)
    return part.stream(tasks, notes)


def domain_incremental(data: Any, column: str = "domain", order: Order | None = None) -> Stream:
    """The same classes as they look elsewhere, domain after domain: tasks NAME-DOMAIN.

    Args:
        data: images with a column that names each one's domain, or a mapping of domains to sources; a part's `test` is
            then of each.
        column: which one.
        order: `seed`, `sorted`, or a list of all domains; None: as the mapping has them, or sorted.

    >>> found = domain_incremental({"print": "builtin:rendered_digits", "hand": "builtin:digits"})
    >>> [(task.name, len(task.train), len(task.new)) for task in found.tasks]
    [('stream-print', 1500, 10), ('stream-hand', 1350, 0)]
    """
    part = as_part(data)
    halves, notes = _each(part) if isinstance(part.train, Mapping) else _by_column(part, column)
    names = list(halves) if order is None else class_order(list(halves), order, part.seed)
    tasks: list[Task] = []
    for domain in names:
        tasks += part.tasks(domain, *halves[domain])
    return part.stream(tasks, [*notes, *_shared_things(halves)])


def mixed(name: str, *streams: Stream, seed: int = 0) -> Stream:
    """Streams one after another as one, such as to classify, then to retrieve, then to segment."""
    if not streams:
        raise bad("streams", "none", "at least one")
    return replace(streams[0].extended(*streams[1:], name=name), seed=seed)


def group_of(images: ImageSet, groups: list[list[str]], part: Part) -> np.ndarray:
    """(n,) which group each image goes to; -1 for none. Images of a class in several are dealt out by a hash."""
    labels = images.need_labels("train", 1)
    number = np.full(len(images), -1)
    for name in images.classes:
        places = [place for place, group in enumerate(groups) if name in group]
        if len(places) > 1 and not part.again:
            got = f"{name!r} in the groups {', '.join(str(place + 1) for place in places)}"
            raise bad("groups", got, "each class once", "Say again = true, if it is meant to come back.")
        rows = np.flatnonzero(labels == name)
        if len(places) > len(rows):
            raise bad("groups", f"{name!r} in {len(places)}, with {len(rows)} images", "an image for each")
        if places:
            number[rows] = np.array(places)[ranks(images.ids[rows], part.seed, "again") * len(places) // len(rows)]
    return number


def only(images: ImageSet, classes: Sequence[str]) -> ImageSet:
    """The images of some classes: the test part of a task."""
    return rows_of(images, np.isin(images.need_labels("test", 1), list(classes)))


Halves = dict[str, tuple[ImageSet, ImageSet]]


def _by_column(part: Part, column: str) -> tuple[Halves, list[str]]:
    """The halves by domain, in alphabetical order; each domain is cut for itself."""
    learn, scored, notes = part.halved()
    ours, theirs = _domains(learn, column, "train"), _domains(scored, column, "test")
    halves = {}
    for domain in np.unique(ours).tolist():
        halves[domain] = (
            rows_of(learn, ours == domain, f"{learn.name}, {domain}"),
            rows_of(scored, theirs == domain, f"{scored.name}, {domain}"),
        )
    return halves, notes


def _domains(images: ImageSet, column: str, argument: str) -> np.ndarray:
    check_choice(f"{argument}: column", column, images.columns)
    values = images.columns[column]
    if blank := int(gaps(values).sum()):
        raise bad(f"{argument}: column", f"{blank} of {len(images)} images without {column}", "a value for each image")
    return as_text(column, values)


def _each(part: Part) -> tuple[Halves, list[str]]:
    """The halves of each source, with the domain in a column and before the names of files."""
    if not part.train:
        raise bad("sources", "none", "a source for each domain, by its name")
    halves, notes = {}, []
    for domain, source in part.train.items():
        own = source if isinstance(source, Mapping) else {"train": source}
        if own.keys() - {"train", "test"} or "train" not in own:
            raise bad(f"sources: {domain}", f"the keys {', '.join(own) or 'none'}", "train, and test where it is apart")
        learn, scored, told = replace(part, train=own["train"], test=own.get("test", part.test)).halved()
        halves[str(domain)] = (_in_domain(domain, learn), _in_domain(domain, scored))
        notes += [f"{domain}: {note}" for note in told]
    return halves, notes


def _in_domain(domain: str, images: ImageSet) -> ImageSet:
    columns = {**images.columns, "domain": np.full(len(images), domain)}
    return replace(files_under(domain, images), columns=columns)


def _shared_things(halves: Halves) -> list[str]:
    """A note where one domain learns from a thing that another one is scored on, by identity or id."""
    taught: dict[str, str] = {}
    scored: dict[str, str] = {}
    for domain, (learn, test) in halves.items():
        for images, side in ((learn, taught), (test, scored)):
            known = group_names(images.columns.get("identity", images.ids), images.ids, "identity")
            side |= {name: domain for name in known.tolist() if name not in side}
    both = sorted(taught.keys() & scored.keys())
    if not both:
        return []
    first = f"{both[0].strip()!r} in {taught[both[0]]} and in {scored[both[0]]}"
    return [f"{len(both)} things are learned from in one domain and scored on in another, such as {first}."]
