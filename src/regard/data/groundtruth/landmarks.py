"""Ground truth of landmarks: Oxford and Paris, their revisited form, and Google Landmarks v2."""

from pathlib import Path

from ...core.checks import bad, check_choice, check_number, check_path
from ...core.storage import read_json
from ._reading import box_of, name_of, once, read_table, read_text, short, some
from .matching import normal
from .records import GRADES, GradedQuery, Query, Revisited

CONVERT = (
    "python -c \"import json,pickle,sys; g=pickle.load(open(sys.argv[1],'rb')); "
    "json.dump({k: g[k] for k in ('imlist','qimlist','gnd')}, open(sys.argv[2],'w'), default=lambda a: a.tolist())\""
)


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
    images = [name_of(name, path) for name in value["imlist"]]
    if len(value["qimlist"]) != len(value["gnd"]):
        got = f"{len(value['qimlist'])} in qimlist and {len(value['gnd'])} in gnd"
        raise bad("ground truth", got, "as many of both")
    queries = []
    for image, entry in zip(value["qimlist"], value["gnd"]):
        if not isinstance(entry, dict) or any(not isinstance(entry.get(grade), list) for grade in GRADES):
            raise bad("ground truth", f"an entry of gnd for {image!r}: {short(entry)}", "lists easy, hard and junk")
        for grade in GRADES:
            for place in entry[grade]:
                check_number(f"{grade} of {image!r}", place, 0, len(images) - 1, whole=True)
        once(entry["easy"] + entry["hard"] + entry["junk"], image)
        box = box_of(entry["bbx"], image) if entry.get("bbx") is not None else None
        queries.append(GradedQuery(name_of(image, path), entry["easy"], entry["hard"], entry["junk"], box))
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
        words = read_text(file).split()
        if len(words) != 5:
            raise bad("ground truth", f"{file.name!r} with {len(words)} words", "an image and x1 y1 x2 y2")
        lists = {}
        for part in ("good", "ok", "junk"):
            beside = check_path("ground truth", path / f"{name}_{part}.txt", folder=False)
            lists[part] = [name_of(line.strip(), beside) for line in read_text(beside).splitlines() if line.strip()]
        once(lists["good"] + lists["ok"] + lists["junk"], name)
        image = name_of(words[0].removeprefix("oxc1_"), file)
        queries.append(Query(image, lists["good"] + lists["ok"], lists["junk"], box_of(words[1:], name), name))
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
    header, rows = read_table(path)
    called = [name.casefold() for name in header]
    if called not in (["id", "images", "usage"], ["id", "landmarks", "usage"]):
        raise bad("ground truth", f"the columns {', '.join(header)}", "id, images (or landmarks), Usage")
    queries: dict[str, Query] = {}
    for line, (image, positives, of) in rows:
        if of not in ("Public", "Private", "Ignored"):
            raise bad("ground truth", f"usage {of!r} in line {line} of {path.name!r}", "Public, Private or Ignored")
        if normal(image) in queries:
            raise bad("ground truth", f"{image!r} twice in {path.name!r}", "each query once")
        if of != "Ignored" and usage in ("all", of):
            found = list({normal(word): name_of(word, path) for word in positives.split()}.values())
            queries[normal(image)] = Query(name_of(image, path), found)
    return some(list(queries.values()), path)
