"""SOURCE, TARGET, TRAIN and TEST: an embeddings file as it is, or images embedded on the way."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from ..core.checks import bad, check_path
from ..data.imageset import ImageSet
from .embed import Watch, embed
from .embeddings import SUFFIXES, Embeddings
from .int8 import Chosen, alike, settle
from .pipeline import Images
from .representation import Representation

Source = Embeddings | Images


def check_same_representation(argument: str, vectors: Embeddings, others: Embeddings) -> None:
    """Refuse to compare vectors that different representations made, as far as their cards tell.

    Raises:
        InputError: other fingerprints or layers, or another length.
    """
    made, theirs = ((one.card.get("fingerprint"), one.card.get("layer")) for one in (vectors, others))
    known = made[0] is not None and theirs[0] is not None
    if (known and made != theirs) or vectors.dim != others.dim:
        names = [f"{_named(one.card)} ({one.dim} dimensions)" for one in (vectors, others)]
        raise bad(argument, f"vectors of {names[0]}", f"{names[1]}, as the other side", "Embed both alike.")


def _named(card: Mapping[str, Any]) -> str:
    """The representation, and the calibration of vectors in int8."""
    precision = str(card.get("precision") or "")
    return f"{card.get('representation', '?')}{' in ' + precision if precision.startswith('int8:') else ''}"


def settle_sides(
    precision: str | Chosen,
    sides: Sequence[Embeddings | ImageSet],
    representation: Representation | str | Path,
    **settings: Any,
) -> str | Chosen:
    """The precision in which all sides are embedded: that of the embeddings among them, else settled on the first.

    Args:
        precision: as in `embed`.
        sides: such as TRAIN and TEST.
        representation: what embeds those that are images.
        settings: layer, batch, device of `embed`.
    """
    made = [side for side in sides if isinstance(side, Embeddings)]
    if made or not sides:
        return alike(made[0].card if made else {}, precision)
    rep = representation if isinstance(representation, Representation) else Representation.load(representation)
    return settle(precision, cast(ImageSet, sides[0]), rep, **settings)


def check_alike(sides: Mapping[str, Embeddings | ImageSet], representation: Representation | str | Path) -> None:
    """Refuse, before images are embedded, an embeddings file that another representation made than they will have.

    Args:
        sides: what is compared, by the name of its argument.
        representation: what the images among them will be embedded with; it is loaded where that tells anything.

    Raises:
        InputError: as `check_same_representation`.
    """
    files = {argument: one for argument, one in sides.items() if isinstance(one, Embeddings)}
    for argument, one in list(files.items())[1:]:
        check_same_representation(argument, one, next(iter(files.values())))
    if not files or len(files) == len(sides):
        return
    rep = representation if isinstance(representation, Representation) else Representation.load(representation)
    for argument, one in files.items():
        made = one.card.get("fingerprint")
        plain = rep.pooled is None and rep.transform is None
        other = made is not None and (made != rep.fingerprint or one.card.get("layer") is not None)
        if other or (plain and one.dim != rep.encoder.num_features):
            got = f"vectors of {one.card.get('representation', '?')} ({one.dim} dimensions)"
            raise bad(argument, got, f"vectors of {rep.name}, as the other side will have", "Embed both alike.")


def is_vectors(source: Source) -> bool:
    """Whether a source is an embeddings file: an .npz, or a Parquet file with a column `vectors`."""
    if not isinstance(source, str | Path) or Path(source).suffix not in SUFFIXES:
        return False
    if Path(source).suffix == ".npz":
        return True
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = check_path("embeddings", source, folder=False)
    try:
        return "vectors" in pq.read_schema(path).names
    except (pa.ArrowInvalid, OSError) as error:
        raise bad("embeddings", f"{str(source)!r} ({error})", "a Parquet file") from error


def open_source(source: Source, *, argument: str = "SOURCE") -> Embeddings | ImageSet:
    """Open embeddings or images as they are: ids, labels and columns are known, and nothing is embedded yet."""
    if isinstance(source, Embeddings):
        return source
    if is_vectors(source):
        return Embeddings.load(cast(str | Path, source))
    from ..data.sources import open_images

    return open_images(source, argument=argument)


def load_vectors(
    source: Source,
    representation: Representation | str | Path = "imagenet",
    *,
    argument: str = "SOURCE",
    watch: Watch | None = None,
    **settings: Any,
) -> Embeddings:
    """Load embeddings, or embed images.

    Args:
        source: `Embeddings`, an `.npz` or Parquet file of embeddings, or anything that `open_images` takes.
        representation: what embeds images; an embeddings file does not need it.
        argument: what to call the source in messages.
        watch: wraps the stream of progress events.
        settings: of `embed`.
    """
    opened = open_source(source, argument=argument)
    if isinstance(opened, Embeddings):
        return opened
    # there is another side, which must be embedded alike: `auto` is not int8 unless both were settled so
    settings["precision"] = alike({}, settings.get("precision", "auto"))
    return embed(opened, representation, watch=watch, **settings)
