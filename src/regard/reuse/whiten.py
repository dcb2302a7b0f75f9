"""A representation for search in one's own collection: pooled and whitened, and what that was worth there.

Without knowing which images show the same thing, the check asks for images by a part of them: a crop of three fifths
of the width and height is the query, and its image should come first. That says how well a detail is found, not how
well another view is. Where things are known, half of them teach the whitening and the other half asks for another
image of the same thing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..core.checks import InputError, bad, check_number
from ..core.runtime import numpy_rng
from ..data.decode import DecodeError, decode
from ..data.imageset import ImageSet
from ..data.sources import open_images
from ..metrics.contrast import Difference, contrast
from ..metrics.intervals import Interval, accuracy_interval
from ..representation.embed import Watch, embed
from ..representation.embeddings import Embeddings
from ..representation.int8 import settle
from ..representation.pooled import LEARNED, Pooled
from ..representation.representation import Representation
from ..representation.transform.whitening import fit_whitening
from .search.evaluate.things import blanks_alone, things_of
from .whitening_worth import by_crops, by_things

MOST = 100_000  # images that are learned from
WORDS_FROM = 300  # images whose maps a vocabulary is learned from, or fewer where these are large
WORDS_NUMBERS = 2**27  # numbers in all of them, 512 MiB


@dataclass(frozen=True)
class Whitened:
    """A representation, and its worth: recall@1 of the given one (`before`) and of this one (`after`).

    Attributes:
        representation: pooled and whitened.
        dim: numbers that a vector of it has.
        learned_from: how many images.
        asked: "crops" or "things"; "" where there were too few to tell, and then the figures are None.
        difference: after - before, paired, with its verdict.
        set_aside: images that could not be read.
        right_before: (q,) whether each query's first result was right with the given representation.
        right_after: (q,) the same with this one.
        units: (q,) of which image (asked by crops), or of which thing, each query is.
    """

    representation: Representation
    dim: int
    learned_from: int
    asked: str
    before: Interval | None
    after: Interval | None
    difference: Difference | None
    set_aside: tuple[dict[str, str], ...] = ()
    right_before: np.ndarray | None = None
    right_after: np.ndarray | None = None
    units: np.ndarray | None = None


def whiten(
    images: ImageSet | str | Path | np.ndarray | Sequence[Any],
    representation: Representation | str | Path = "imagenet",
    *,
    things: str | None = None,
    pooling: str | None = None,
    settings: Mapping[str, Any] | None = None,
    scales: Sequence[float] = (1.0,),
    dim: int | None = None,
    check: int = 200,
    seed: int = 0,
    watch: Watch | None = None,
    **embed_settings: Any,
) -> Whitened:
    """Learn a whitening from one's own images, and put it into the representation.

    Args:
        images: what `open_images` takes; of more than 100,000 so many are drawn.
        representation: what the images are embedded with; a whitening that it has is left out and learned anew.
        things: the column that says which thing an image shows (`identity`, or `label` where classes are things):
            then the whitening makes small how images of one thing differ. A blank (None, NaN, "", spaces) is no
            thing: what such images have in common teaches nothing, and they are not asked for.
        pooling: how the last map becomes a vector, by name; None: as the representation does it.
        settings: of the pooling, or of its fit where it has a vocabulary (`k`, `dim` ...).
        scales: sizes of the image that are pooled together, as factors.
        dim: numbers that a vector keeps; all by default.
        check: queries that the worth is measured with; 0: it is not.
        seed: of what is drawn.
        watch: wraps the stream of progress events.
        embed_settings: precision, device, batch ... of `embed`.

    Raises:
        InputError: fewer than 10 images, images that are all alike, no such column, too few images of each thing.
    """
    check_number("--check", check, 0, whole=True)
    opened = open_images(images)
    if len(opened) > MOST:
        opened = opened.subset(np.sort(numpy_rng(seed, "images").choice(len(opened), MOST, replace=False)))
    if things is not None:
        _column(opened, things)  # a column that is not there is told before anything is embedded
    given = representation if isinstance(representation, Representation) else Representation.load(representation)
    made = replace(given, transform=None, loaded_from="")
    if pooling is not None:
        made.pooled = _pooled(made, opened, pooling, dict(settings or {}), scales, seed)
    elif settings or tuple(scales) != (1.0,):
        raise bad("--pooling", "none, with settings or scales of one", "the pooling that they are of", "Try gem.")
    if dim is not None and made.pooled is None:
        check_number("--dim", dim, 1, made.encoder.num_features, whole=True)
    embed_settings["watch"] = watch
    # settled once, on these images: what is asked later must be embedded alike
    wanted = embed_settings.pop("precision", "auto")
    how: dict[str, Any] = {"watch": watch} | {
        name: embed_settings[name] for name in ("batch", "device") if name in embed_settings
    }
    own = settle(wanted, opened, made, **how)
    theirs = own if pooling is None else settle(wanted, opened, given, **how)
    raw = embed(opened, made, precision=own, **embed_settings)
    codes = None if things is None else _column(raw, things)
    groups = None if codes is None else blanks_alone(codes)
    made.transform = fit_whitening(raw.vectors, groups, dim, seed)
    made.card = dict(given.card) | {
        "name": f"{given.name}, {'' if pooling is None else pooling + ', '}whitened",
        "whitened": {
            "from": given.fingerprint,
            "images": len(raw),
            "things": things,
            "dim": dim,
            "seed": seed,
        },
    }
    aside = tuple(raw.card.get("set_aside", ()))
    if theirs.fingerprint(given.fingerprint) == raw.card["fingerprint"]:
        before = raw
    else:
        before = embed(opened, given, precision=theirs, **embed_settings)
    rng = numpy_rng(seed, "queries")  # of their own, so that runs with other poolings ask the same
    if check == 0:
        right: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
    elif groups is None:
        right = by_crops(opened, before, raw, (given, theirs), (made, own), check, rng, embed_settings)
    else:
        right = by_things(before.vectors, raw.vectors, groups, dim, seed, check, rng)
    kept = made.transform.apply(raw.vectors[:1]).shape[1]
    if right is None:
        return Whitened(made, kept, len(raw), "", None, None, None, aside)
    old, new, units = right
    apart = contrast(new, old, units)
    old_share, new_share = (accuracy_interval(one, units) for one in (old, new))
    asked = "crops" if groups is None else "things"
    return Whitened(made, kept, len(raw), asked, old_share, new_share, apart, aside, old, new, units)


def _pooled(
    rep: Representation,
    images: ImageSet,
    name: str,
    settings: dict[str, Any],
    scales: Sequence[float],
    seed: int,
) -> Pooled:
    if name not in LEARNED:
        return Pooled.of(name, settings, scales)
    from ..representation.pooling import bag_of_words, fisher, vlad

    some = numpy_rng(seed, "vocabulary").permutation(len(images))[:WORDS_FROM]
    maps: list[torch.Tensor] = []
    for row in some:
        if sum(one.numel() for one in maps) > WORDS_NUMBERS:
            break
        try:
            pixels = rep.preprocess.apply(decode(images.items[row], rep.preprocess.decode_side))
        except DecodeError:
            continue  # `embed` sets it aside and says so
        with torch.inference_mode():
            maps.append(rep.encoder.last_map(pixels[None].float() / 255).clone())
    if not maps:
        raise InputError(f"IMAGES: none of {len(some)} images drawn from {images.name} can be read")
    try:
        fits: dict[str, Any] = {"vlad": vlad.fit, "fisher": fisher.fit, "bag_of_words": bag_of_words.fit}
        own = getattr(rep.encoder.network, "per_cell", None) if name != "vlad" else None
        form = {} if own is None else {"per_cell": own, "skip_blank": True}
        method = fits[name](torch.cat(maps), seed=seed, **(form | settings))
    except TypeError as error:
        raise bad("--set", ", ".join(settings), f"settings of {name}", str(error)) from error
    return Pooled(name, method, tuple(map(float, scales)))


def _column(raw: Embeddings | ImageSet, name: str) -> np.ndarray:
    """(n,) which thing each image shows; -1 where the column does not say."""
    if name in ("label", "labels"):
        return things_of(raw.need_labels("--things"))[0]
    if name not in raw.columns:
        there = ", ".join(["label"] * (raw.labels is not None) + list(raw.columns)) or "none"
        raise bad("--things", repr(name), f"a column of the images ({there})")
    codes, things = things_of(raw.columns[name])
    if not things:
        raise bad("--things", f"the column {name!r} without values", "a column that says which thing an image shows")
    return codes
