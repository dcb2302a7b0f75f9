"""`regard.whiten`: a representation for search in one's own collection."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ..core.checks import bad, check_output
from ..core.leftovers import empty
from ..core.runtime import measured
from ..core.storage import appearing
from ..report.html import Table
from ..representation.representation import Representation
from ..reuse.whiten import Whitened
from ..reuse.whiten import whiten as run
from ._given import SHOWN, Rep, check_machine, given_images
from ._result import Progress, Result, difference, verb, watch_of

_ASKED = {"crops": "a part finds its image", "things": "another image of the thing is found"}
_ENDS = (("", "mean"), ("_low", "low"), ("_high", "high"))


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Whitening(Result):
    """A whitened representation, and what it was worth.

    Attributes:
        out: its folder.
        found: the representation, the figures, and what was right for each query.
        check: queries that were wished for.
    """

    verb: ClassVar[str] = "whiten"
    out: Path
    found: Whitened
    check: int

    @property
    def representation(self) -> Representation:
        """Pooled and whitened, as it was saved."""
        return self.found.representation

    def told(self) -> Mapping[str, object]:
        """The folder, and the worth."""
        return {"out": self.out, "worth": _worth(self.found)}

    def shown(self) -> Iterator[str | Table]:
        """What was made, and the share of queries whose first result was right before and after."""
        found = self.found
        learned = f"learned from {found.learned_from} images"
        yield f"{self.out}: {found.representation.name}, {found.dim} numbers an image, {learned}"
        if found.difference is None or found.before is None or found.after is None:
            yield "its worth was not measured" + (": there are too few images" if self.check else "")
        else:
            rows = [["before", str(found.before)], ["after", str(found.after)], ["difference", str(found.difference)]]
            yield Table([f"{_ASKED[found.asked]} first", "share"], rows)
            yield f"verdict: {found.difference.verdict}"
        for fault in self.set_aside[:SHOWN]:
            yield f"set aside: {fault['path']}: {fault['cause']}"


@verb
def whiten(
    images: Any,
    out: str | Path,
    *,
    with_: Rep = "imagenet",
    things: str | None = None,
    pooling: str | None = None,
    scales: str | Sequence[float] = "1",
    dim: int | None = None,
    check: int = 200,
    set_: Mapping[str, Any] | None = None,
    precision: str = "auto",
    device: str = "auto",
    seed: int = 0,
    progress: Progress | None = None,
) -> Whitening:
    """Fit a whitening to a collection, and save it inside a representation.

    What all images of a collection share rules the similarity of their vectors; whitening takes it off. The folder is
    a representation like any other: index the images with it, and queries are treated alike. The worth is measured on
    the collection: parts of its images are asked for, or, with `things`, other images of things that the whitening
    did not learn from.

    Args:
        images: a folder, a table, `builtin:NAME`, an `ImageSet`, a list of paths or arrays, or (X, y) of images and
            labels: images as they will be searched. It does not take vectors, which cannot be pooled anew.
        out: the new folder of the whitened representation.
        with_: the representation: a name, a folder, or a `Representation`.
        things: the column that says which thing an image shows: identity, label, or another.
        pooling: gem | mac | spoc | rmac | vlad | fisher | bag_of_words, of the last map; None: as the representation
            has it.
        scales: sizes of the image to pool together, as "1,0.71,1.41" or numbers.
        dim: numbers a vector keeps; fewer cost recall; by default all.
        check: queries that its worth is measured with; 0: none.
        set_: settings of the pooling (`--set`), by name.
        precision: auto | fp32 | bf16 | int8.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: everything that is drawn follows from it.
        progress: shows the stream of events; see `regard.verbs._result.Progress`.

    Raises:
        InputError: a folder that holds something, and as `reuse.whiten.whiten`.
    """
    folder = check_output("--out", out, folder=True)
    check_machine(device)
    # made when there is something to put into it
    if folder.exists() and not (folder.is_dir() and empty(folder)):
        raise bad("--out", f"{str(out)!r}, which is there already", "a new or empty folder")
    options: dict[str, Any] = {"precision": precision, "device": device, "watch": watch_of(progress, "embed")}
    with measured() as cost:
        found = run(
            given_images("IMAGES", images),
            with_,
            things=things,
            pooling=pooling,
            settings=dict(set_ or {}),
            scales=_factors(scales),
            dim=dim,
            check=check,
            seed=seed,
            **options,
        )
        rep = found.representation
        rep.card |= {"worth": _worth(found), "cost": cost.as_dict()}
        with appearing(folder) as beside:  # atomically, so that the same command can be run again
            rep.save(beside)
    told = [] if found.difference is None else [difference("recall", found.difference)]
    metrics = _metrics(found) | {"set_aside": len(found.set_aside), "seconds": cost.seconds}
    given: dict[str, Any] = {"metrics": metrics, "differences": told, "set_aside": list(found.set_aside)}
    return Whitening(out=Path(out), found=found, check=check, **given)


def _worth(found: Whitened) -> dict[str, Any]:
    worth: dict[str, Any] = {
        "asked": found.asked,
        "verdict": None if found.difference is None else found.difference.verdict,
    }
    for name in ("before", "after", "difference"):
        value = getattr(found, name)
        worth[name] = None if value is None else list(value.as_dict().values())[:3]
    return worth


def _metrics(found: Whitened) -> dict[str, float | None]:
    ends = None if found.difference is None else found.difference.as_dict()
    return {
        "images": found.learned_from,
        "dim": found.dim,
        "recall_before": None if found.before is None else found.before.mean,
        "recall_after": None if found.after is None else found.after.mean,
        **{f"difference{end}": None if ends is None else ends[key] for end, key in _ENDS},
        **{f"recall_gain{end}": None if ends is None else ends[key] for end, key in _ENDS},
    }


def _factors(given: str | Sequence[float]) -> tuple[float, ...]:
    try:
        factors = tuple(float(part) for part in (given.split(",") if isinstance(given, str) else given))
    except (ValueError, TypeError):
        factors = ()
    if not factors or not all(0 < one < 100 for one in factors):
        raise bad("--scales", repr(given), "factors above 0, parted by commas, such as 1,0.71,1.41")
    return factors
