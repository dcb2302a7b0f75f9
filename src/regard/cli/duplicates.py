"""`regard duplicates`: copies in a collection."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ._out import say
from ._progress import watcher
from ._shared import Json, Quiet, emit, table
from ._stores import AllowHost


def duplicates(
    index: Annotated[str, typer.Argument(metavar="INDEX", help="A folder made by `regard index`, or images.")],
    pair: Annotated[
        list[str] | None, typer.Argument(metavar="[A B]", help="Two ids, with --decide.", show_default=False)
    ] = None,
    decide: Annotated[
        str | None,
        typer.Option(
            metavar="same|different|FILE",
            help="Remember that A and B are the same, or different; or all that a .json or .csv file says of pairs.",
            show_default=False,
        ),
    ] = None,
    skip_gone: Annotated[
        bool, typer.Option("--skip-gone", help="With a file: pass over images that the index does not have.")
    ] = False,
    decisions: Annotated[bool, typer.Option("--decisions", help="List what is remembered.")] = False,
    undo: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="A B", help="Take back what was decided about A and B.", show_default=False),
    ] = None,
    kind: Annotated[
        str, typer.Option(help="What is shown: identical, same-photo, same-scene; one or more, as a,b.")
    ] = "identical,same-photo,same-scene",
    radius: Annotated[int, typer.Option(min=0, max=64, help="Bits in which hashes of candidates may differ.")] = 10,
    mirror: Annotated[bool, typer.Option(help="Look for mirrored copies, too.")] = True,
    limit: Annotated[int, typer.Option(min=1, help="Groups and pairs that are shown of each kind.")] = 200,
    out: Annotated[
        Path | None, typer.Option("--out", help="Show them as pictures in this .html.", show_default=False)
    ] = None,
    allow_host: AllowHost = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find copies in a collection: the same file, the same photo changed, and other photos of the same scene.

    Same photo: compressed, resized, lit, captioned, cropped, turned or mirrored. Same scene: one thing photographed
    twice, or one photo with something changed. Each pair says why. Groups hold copies of one another; what is a part
    of another image is told apart. What you decide about a pair holds after a file is renamed or moved.
    """
    from ..core.checks import InputError, check_choice
    from ..core.runtime import measured
    from ..report.html import check_page
    from ..reuse.duplicates.find import KINDS, find_duplicates

    names = {one.replace(" ", "-"): one for one in KINDS}
    kinds = [names[check_choice("--kind", one.strip(), names)] for one in kind.split(",")]
    if out is not None:
        check_page("--out", out)
    if pair or decide is not None or decisions or undo is not None:
        from ._decisions import run

        emit(*run(index, pair, decide, skip_gone, decisions, undo, allow_host, json))
        return
    images, vectors, remembered = _opened(index, allow_host)
    if len(images) < 2:
        raise InputError(f"INDEX: {index!r} holds {len(images)} image(s); expected at least two.")
    with measured() as cost:
        found = find_duplicates(
            images,
            vectors,
            radius=radius,
            mirror=mirror,
            decisions=remembered,
            watch=watcher("duplicates", quiet=quiet),
        )
    parts = [
        {"part": one.a, "whole": one.b} if one.evidence["part"] == "a" else {"part": one.b, "whole": one.a}
        for one in found.pairs
        if one.kind == "same photo" and "part" in one.evidence
    ]
    shown = {one: [pair for pair in found.pairs if pair.kind == one] for one in kinds}
    from ._duplicates_page import counts, told_counts, write_page

    if out is not None:
        write_page(out, index, images, found, shown, limit, decide=vectors is not None)
    metrics = {
        "images": len(images),
        **counts(found),
        "set_aside": len(found.set_aside),
        "seconds": cost.seconds,
    }

    def human() -> None:
        rows = [[one.kind, one.score, one.a, one.b, why(one)] for pairs in shown.values() for one in pairs[:limit]]
        if rows:
            table(["kind", "score", "image", "image", "why"], rows)
        say(told_counts(found, shown))
        for name, pairs in shown.items():
            if len(pairs) > limit:
                say(f"{name}: {len(pairs)} pairs, of which {len(pairs) - limit} are not shown; see --limit")
        if vectors is None:
            say("note: these are images, not an index: crops, small turns and other views were not looked for.")
        for fault in found.set_aside[:20]:
            say(f"set aside: {fault['path']}: {fault['cause']}")
        if out is not None:
            say(f"pictures: {out}")

    listed = [
        {"kind": one.kind, "score": one.score, "a": one.a, "b": one.b, "evidence": dict(one.evidence)}
        for pairs in shown.values()
        for one in pairs
    ]
    result = {
        "pairs": listed,
        "groups": found.groups,
        "parts": parts,
        "set_aside": list(found.set_aside),
        "metrics": metrics,
    }
    emit(result, json, human)


def why(pair: Any) -> str:
    """The evidence of a pair in a few words."""
    about = pair.evidence
    words = {"content": "same bytes", "decision": "decided", "hash": "fits corner to corner", "spatial": "fits"}
    parts = [words[about["by"]]]
    if "inliers" in about:
        parts.append(f"{about['inliers']} points")
    if about.get("mirrored"):
        parts.append("mirrored")
    if about.get("turns"):
        parts.append(f"turned by {90 * about['turns']} degrees")
    told = {"grey": "one is grey", "captioned": "with a bar along a side"}
    parts += [words for word, words in told.items() if word in about]
    if "differs" in about:
        parts.append("differs at " + ", ".join(f"{value:.0f}" for value in about["differs"]) + " of the second")
    if about.get("still"):
        parts.append(f"{'first' if about['part'] == 'a' else 'second'} is a still of the other, which moves")
    elif "part" in about:
        parts.append(f"{'first' if about['part'] == 'a' else 'second'} is a part of the other")
    return ", ".join(parts)


def _opened(index: str, allow_host: list[str] | None) -> tuple[Any, Any, Path | None]:
    """The images, their vectors, and where decisions are remembered; images alone have none of these."""
    import numpy as np

    from ..data.imageset import ImageSet
    from ..data.sources import open_images
    from ..reuse.duplicates.groups import REMEMBERED
    from ..reuse.search.index.atomic_replace import CARD
    from ..reuse.search.index.search_index import SearchIndex
    from ..reuse.search.store.protocol import vectors_in

    if not (Path(index) / CARD).exists():
        return open_images(index, argument="INDEX"), None, None
    there = SearchIndex.open(index, allow_host=allow_host)
    rows = there.store.scan(["id", "path", "vector"]).sort_by("id")
    paths = rows.column("path").to_pylist()
    # where an image was never in a file, a name that does not exist is set aside like a file that is gone
    items = [Path(path) if path else Path(name) for path, name in zip(paths, rows.column("id").to_pylist())]
    images = ImageSet(items, np.array(rows.column("id").to_pylist(), dtype=np.str_), name=index)
    return images, vectors_in(rows), Path(index) / REMEMBERED
