"""Ground truth in file names: INRIA Holidays, UKBench, Market-1501."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...core.checks import bad, check_path
from ...core.images import IMAGE_SUFFIXES
from .records import Boxes, Query


def holidays(images: str | Path | Sequence[str]) -> list[Query]:
    """Ground truth of INRIA Holidays (Jegou et al. 2008) from a folder or from file names such as 100002.jpg.

    The number without its last two digits is the group; its first image, 00, is the query, the others are positives.
    The query is in the collection too, and is its own junk.

    Raises:
        InputError: other names, or a group without a query or without another image.

    >>> holidays(["100000.jpg", "100001.jpg", "100002.jpg"])[0].positives
    ['100001.jpg', '100002.jpg']
    """
    groups: dict[int, dict[int, str]] = {}
    for name, (number,) in _numbers(images, r"(\d{6})\.\w+", "six digits, such as 100001.jpg"):
        if groups.setdefault(number // 100, {}).setdefault(number % 100, name) != name:
            raise bad("images", f"{name!r} and another image of that number", "each number once")
    queries = []
    for group, names in sorted(groups.items()):
        if 0 not in names or len(names) < 2:
            raise bad("images", f"{', '.join(names.values())} alone in group {group}", "image 00 and at least one more")
        queries.append(Query(names[0], [names[place] for place in sorted(names) if place], [names[0]]))
    return queries


def ukbench(images: str | Path | Sequence[str]) -> list[Query]:
    """Ground truth of UKBench (Nister and Stewenius 2006) from a folder or from names such as ukbench00004.jpg.

    Four consecutive numbers, from a multiple of 4, show one thing. Each image is a query, and the four are what it
    should find, itself included: the N-S score is 4 times the precision at 4.

    Raises:
        InputError: other names, or a group that is not whole.
    """
    groups: dict[int, list[str]] = {}
    for name, (number,) in sorted(_numbers(images, r"ukbench(\d{5})\.\w+", "ukbench and five digits")):
        groups.setdefault(number // 4, []).append(name)
    for group, names in groups.items():
        if len(names) != 4:
            raise bad("images", f"{len(names)} images numbered {4 * group} to {4 * group + 3}", "four")
        if len({name.partition(".")[0] for name in names}) != 4:
            raise bad("images", f"one number twice among {', '.join(names)}", "each number once")
    return [Query(name, list(names)) for names in groups.values() for name in names]


def market1501(images: str | Path | Sequence[str]) -> Boxes:
    """Identities and cameras of Market-1501 (Zheng et al. 2015) from a folder or names as 0002_c1s1_000451_03.jpg.

    DukeMTMC-reID's names, such as 0005_c2_f0046985.jpg, are of the same form. Identity -1 is junk, which is taken out
    of rankings; identity 0 is a distractor, which stays in and counts as wrong (the data set's own page).

    Raises:
        InputError: other names.

    >>> market1501(["0002_c1s1_000451_03.jpg", "-1_c3s2_000001_00.jpg"])
    Boxes(names=['0002_c1s1_000451_03.jpg', '-1_c3s2_000001_00.jpg'], identities=[2, -1], cameras=[1, 3])
    """
    form = "an identity, a camera and more, such as 0002_c1s1_000451_03.jpg"
    found = list(_numbers(images, r"(-?\d+)_c(\d+)(?:s\d+)?_\w+(?:\.\w+)+", form))
    return Boxes([name for name, _ in found], [who for _, (who, _) in found], [camera for _, (_, camera) in found])


def _numbers(images: str | Path | Sequence[str], pattern: str, form: str) -> Iterator[tuple[str, list[int]]]:
    if isinstance(images, str | Path):
        folder = check_path("images", images, folder=True)
        names = sorted(file.name for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
    else:
        names = [str(name) for name in images]
    if not names:
        raise bad("images", "no image", f"files named by {form}")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise bad("images", f"{twice[0]!r}, a name twice", "each file once")
    for name in names:
        # ASCII alone: \d would take other scripts' digits as well
        match = re.fullmatch(pattern, name, re.ASCII)
        if not match:
            raise bad("images", repr(name), f"files named by {form}")
        yield name, [int(part) for part in match.groups()]
