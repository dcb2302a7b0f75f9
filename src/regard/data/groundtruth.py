"""What each query should find: the ground truth of retrieval benchmarks, and of a user's own collection.

Read from JSON, CSV, text and file names alone; a pickle or a .mat file is refused with the line that converts it.
Names in these files are names: absolute ones and those that climb out of a folder are refused. Each reader cites its
data set; the scores are in `metrics.landmarks`, `metrics.reidentification` and `metrics.retrieve`.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.checks import bad, check_choice, check_number, check_path
from ..core.images import IMAGE_SUFFIXES
from ..core.storage import read_json

Box = tuple[float, float, float, float]
GRADES = ("easy", "hard", "junk")
CONVERT = (
    "python -c \"import json,pickle,sys; g=pickle.load(open(sys.argv[1],'rb')); "
    "json.dump({k: g[k] for k in ('imlist','qimlist','gnd')}, open(sys.argv[2],'w'), default=lambda a: a.tolist())\""
)


@dataclass(frozen=True)
class Query:
    """An image to search with, what should be found (`positives`), and what counts neither way (`junk`).

    `box` is x1, y1, x2, y2 in pixels where a part of the image is the query; `name` is the query's own, where the data
    set gives one beside the image's.
    """

    image: str
    positives: list[str]
    junk: list[str] = field(default_factory=list)
    box: Box | None = None
    name: str = ""


@dataclass(frozen=True)
class GradedQuery:
    """As `Query`, with the positives in two grades; the lists hold names, or places in a list of images."""

    image: str
    easy: list[Any]
    hard: list[Any]
    junk: list[Any]
    box: Box | None = None

    @property
    def positives(self) -> list[Any]:
        """Easy and hard together."""
        return [*self.easy, *self.hard]


@dataclass(frozen=True)
class Revisited:
    """The collection's images, and queries whose lists hold places in it."""

    images: list[str]
    queries: list[GradedQuery]


@dataclass(frozen=True)
class Boxes:
    """Who is on each image and by which camera it was taken, all (n,)."""

    names: list[str]
    identities: list[int]
    cameras: list[int]


def read_revisited(file: str | Path) -> Revisited:
    """Read `gnd_roxford5k.json` or `gnd_rparis6k.json` (Radenovic et al. 2018), converted from the pickle.

    An object with `imlist` and `qimlist`, names without suffix, and `gnd`: for each query `bbx` (x1, y1, x2, y2) and
    `easy`, `hard` and `junk`, places in `imlist` from 0.

    Raises:
        InputError: a pickle or another format, keys or lists missing, lists of other lengths, or places that the list
            of images does not have or that one query has twice.
    """
    path = check_path("ground truth", file, folder=False)
    with open(path, "rb") as start:
        pickled = start.read(1) == b"\x80"
    if pickled or path.suffix.lower() in (".pkl", ".pickle", ".mat"):
        pickle = path.with_suffix(".pkl") if path.suffix == ".mat" else path
        raise bad(
            "ground truth",
            f"{path.name!r}, which is not read: opening a pickle may run any program",
            "a JSON file with imlist, qimlist and gnd",
            f'Convert the pickle, if you trust where it is from: {CONVERT} "{pickle}" "{path.with_suffix(".json")}"',
        )
    value = read_json(path)
    if not isinstance(value, dict) or any(not isinstance(value.get(key), list) for key in ("imlist", "qimlist", "gnd")):
        got = ", ".join(map(str, value)) if isinstance(value, dict) else f"a {type(value).__name__}"
        raise bad("ground truth", f"{path.name!r} with {got or 'nothing'}", "an object with imlist, qimlist and gnd")
    images = [_name(name, path) for name in value["imlist"]]
    if len(value["qimlist"]) != len(value["gnd"]):
        got = f"{len(value['qimlist'])} in qimlist and {len(value['gnd'])} in gnd"
        raise bad("ground truth", got, "as many of both")
    queries = []
    for image, entry in zip(value["qimlist"], value["gnd"]):
        if not isinstance(entry, dict) or any(not isinstance(entry.get(grade), list) for grade in GRADES):
            raise bad("ground truth", f"an entry of gnd for {image!r}: {_short(entry)}", "lists easy, hard and junk")
        for grade in GRADES:
            for place in entry[grade]:
                check_number(f"{grade} of {image!r}", place, 0, len(images) - 1, whole=True)
        _once(entry["easy"] + entry["hard"] + entry["junk"], image)
        box = _box(entry["bbx"], image) if entry.get("bbx") is not None else None
        queries.append(GradedQuery(_name(image, path), entry["easy"], entry["hard"], entry["junk"], box))
    return Revisited(images, queries)


def read_oxford(folder: str | Path) -> list[Query]:
    """Read the text files of Oxford5k or Paris6k (Philbin et al. 2007, 2008), queries in the order of their names.

    `NAME_query.txt` holds the image, whose prefix `oxc1_` is dropped, and the box x1 y1 x2 y2; `NAME_good.txt`,
    `NAME_ok.txt` and `NAME_junk.txt` hold an image a line. Good and ok are positives.

    Raises:
        InputError: no such files, one of the four missing, a query line of another form, or an image in two lists.
    """
    path = check_path("ground truth", folder, folder=True)
    files = sorted(path.glob("*_query.txt"))
    if not files:
        raise bad("ground truth", f"{str(folder)!r} without *_query.txt", "the folder of the ground truth's text files")
    queries = []
    for file in files:
        name = file.name.removesuffix("_query.txt")
        words = _text(file).split()
        if len(words) != 5:
            raise bad("ground truth", f"{file.name!r} with {len(words)} words", "an image and x1 y1 x2 y2")
        lists = {}
        for part in ("good", "ok", "junk"):
            beside = check_path("ground truth", path / f"{name}_{part}.txt", folder=False)
            lists[part] = [_name(line.strip(), beside) for line in _text(beside).splitlines() if line.strip()]
        _once(lists["good"] + lists["ok"] + lists["junk"], name)
        image = _name(words[0].removeprefix("oxc1_"), file)
        queries.append(Query(image, lists["good"] + lists["ok"], lists["junk"], _box(words[1:], name), name))
    return queries


def read_gldv2(file: str | Path, usage: str = "all") -> list[Query]:
    """Read a solution of Google Landmarks v2 (Weyand et al. 2020): `retrieval_solution` or `recognition_solution`.

    Columns `id`, `images` or `landmarks` (parted by spaces) and `Usage`. Positives are ids of images, or of landmarks
    as text; a query that shows none has no positives. Rows whose usage is Ignored are left out.

    Args:
        file: the CSV file.
        usage: "Public", "Private" or "all".

    Raises:
        InputError: other columns, another usage, or an id twice.
    """
    check_choice("usage", usage, ("all", "Public", "Private"))
    path = check_path("ground truth", file, folder=False)
    header, rows = _table(path)
    if len(header) != 3 or header[0] != "id" or header[1] not in ("images", "landmarks") or header[2] != "Usage":
        raise bad("ground truth", f"the columns {', '.join(header)}", "id, images (or landmarks), Usage")
    queries: dict[str, Query] = {}
    for line, (image, positives, of) in rows:
        if of not in ("Public", "Private", "Ignored"):
            raise bad("ground truth", f"usage {of!r} in line {line} of {path.name!r}", "Public, Private or Ignored")
        if image in queries:
            raise bad("ground truth", f"{image!r} twice in {path.name!r}", "each query once")
        if of != "Ignored" and usage in ("all", of):
            found = list(dict.fromkeys(_name(word, path) for word in positives.split()))
            queries[image] = Query(_name(image, path), found)
    return _some(list(queries.values()), path)


def read_pairs(file: str | Path) -> list[GradedQuery]:
    """Read a CSV table of your own: `query,positive` and, if you like, `grade`; a row for each pair, ids in both.

    A grade is easy (also where it is empty), hard or junk. A query that is itself in the collection should be named as
    its own junk. A row with an empty positive names a query that has nothing to find.

    Raises:
        InputError: other columns, another grade, or a pair given twice.
    """
    path = check_path("ground truth", file, folder=False)
    header, rows = _table(path)
    if header not in (["query", "positive"], ["query", "positive", "grade"]):
        raise bad("ground truth", f"the columns {', '.join(header)}", "query, positive and, if you like, grade")
    queries: dict[str, GradedQuery] = {}
    seen: set[tuple[str, str]] = set()
    for line, (image, positive, *rest) in rows:
        grade = check_choice(f"grade in line {line} of {path.name!r}", rest[0] or "easy" if rest else "easy", GRADES)
        query = queries.setdefault(image, GradedQuery(_name(image, path), [], [], []))
        if (image, positive) in seen:
            raise bad("ground truth", f"{image!r} and {positive!r} again in line {line} of {path.name!r}", "pairs once")
        seen.add((image, positive))
        if positive:
            getattr(query, grade).append(_name(positive, path))
    return _some(list(queries.values()), path)


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
    if len(set(names)) < len(names):
        raise bad("images", "a name twice", "each file once")
    for name in names:
        # ASCII alone: \d would take other scripts' digits as well
        match = re.fullmatch(pattern, name, re.ASCII)
        if not match:
            raise bad("images", repr(name), f"files named by {form}")
        yield name, [int(part) for part in match.groups()]


def _table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Read the header and the rows, each with its line, all as long as the header."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines, strict=True)
            header = [cell.strip() for cell in next(reader, [])]
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(row)]
    except (csv.Error, UnicodeDecodeError) as error:
        raise bad("ground truth", repr(str(path)), "a CSV table in UTF-8", f"It cannot be read: {error}") from None
    for line, row in rows:
        if len(row) != len(header):
            raise bad("ground truth", f"{len(row)} fields in line {line} of {path.name!r}", f"{len(header)}")
    return header, rows


def _some(queries: list[Any], path: Path) -> list[Any]:
    if not queries:
        raise bad("ground truth", f"no query in {path.name!r}", "at least one")
    return queries


def _once(images: list[Any], query: str) -> None:
    if len(set(images)) < len(images):
        raise bad("ground truth", f"an image twice in the lists of {query!r}", "each once at most")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise bad("ground truth", repr(str(file)), "text", f"It cannot be read: {error}") from None


def _name(name: Any, file: Path) -> str:
    parts = re.split(r"[/\\]", name) if isinstance(name, str) else []
    outside = not name or ".." in parts or parts[:1] == [""] or re.match(r"[A-Za-z]:", str(name))
    if not isinstance(name, str) or outside or not name.isprintable():
        raise bad("ground truth", f"{_short(name)} in {file.name!r}", "names of images, without .. or a leading /")
    return name


def _box(corners: Any, of: str) -> Box:
    try:
        x1, y1, x2, y2 = (float(corner) for corner in corners)
    except (TypeError, ValueError):
        raise bad("ground truth", f"{_short(corners)} as the box of {of!r}", "x1, y1, x2, y2 in pixels") from None
    if not (0 <= x2 - x1 < float("inf") and 0 <= y2 - y1 < float("inf")):
        raise bad("ground truth", f"{_short(corners)} as the box of {of!r}", "x1 <= x2 and y1 <= y2, finite")
    return x1, y1, x2, y2


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
