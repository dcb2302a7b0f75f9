"""Blurry borders: a share of each task's images are of other tasks' classes.

Bang, Kim, Yoo, Ha and Choi 2021, Rainbow memory: continual learning with a memory of diverse samples, CVPR, whose
"blurry" streams have 10 % of each class in other tasks than its own. What differs: where classes have unequal numbers
of images, each task still gets as many images of others as it gives away.
"""

from typing import Any

import numpy as np

from ...core.checks import bad, check_number
from ...core.runtime import numpy_rng
from ._class_order import BY_SEED, Order, class_groups
from .part import as_part, ranks, rows_of
from .scenarios import group_of, only
from .stream import Stream
from .task import Task

BLUR = 0.1


def blurry(
    data: Any, classes_per_task: int = 2, blur: float = BLUR, *, first: int | None = None, order: Order = BY_SEED
) -> Stream:
    """Class-incremental with borders that overlap: each task is scored on its own classes, and learns others too.

    Of each class the share `blur` goes to other tasks, by a hash of the ids. Each image is in one task. Where the part
    says `chunk`, each chunk has that share, to within one image.

    Args:
        data: labelled images, or a part.
        classes_per_task: as in `class_incremental`, and so `first` and `order`.
        blur: in [0, 0.5].
        first: classes of the first task.
        order: of the classes.

    >>> task = blurry("builtin:digits", blur=0.2, order="sorted").tasks[0]
    >>> len(task.train), int(np.isin(task.train.labels, ["0", "1"]).sum()), task.test.classes
    (271, 217, ['0', '1'])
    """
    check_number("blur", blur, 0, 0.5)
    part = as_part(data)
    learn, scored, notes = part.halved()
    learn.need_labels("train", 1)
    sets = class_groups(learn.classes, classes_per_task, first, order, None, part.seed)
    if len(sets) < 2:
        raise bad("classes_per_task", classes_per_task, f"fewer than {len(learn.classes)}, for a second task")
    number = group_of(learn, sets, part)
    given = np.zeros(len(learn), dtype=bool)
    for label in learn.classes:
        rows = np.flatnonzero(learn.labels == label)
        given[rows] = ranks(learn.ids[rows], part.seed, "blur") < round(blur * len(rows))
    # in the order of the hashes, so that the order of files does not matter
    rows = np.flatnonzero(given)[np.argsort(ranks(learn.ids[given], part.seed, "blurred"))]
    number[rows] = dealt_elsewhere(number[rows], part.seed)
    tasks: list[Task] = []
    for place, group in enumerate(sets):
        tasks += part.tasks(str(place + 1), rows_of(learn, number == place), only(scored, group))
    return part.stream(tasks, notes)


def dealt_elsewhere(homes: np.ndarray, seed: int = 0) -> np.ndarray:
    """The homes (m,) dealt out anew so that each is given as often and none to its own, where that can be.

    It can where no home is more than half of all; else as few as can be stay.

    >>> dealt_elsewhere(np.array([0, 0, 1, 1])).tolist()
    [1, 1, 0, 0]
    """
    dealt = numpy_rng(seed, "dealt").permutation(homes)
    for row in np.flatnonzero(dealt == homes):
        if dealt[row] == homes[row]:  # it may have been changed meanwhile
            other = np.flatnonzero((homes != dealt[row]) & (dealt != homes[row]))
            if len(other):
                dealt[[row, other[0]]] = dealt[[other[0], row]]
    return dealt
