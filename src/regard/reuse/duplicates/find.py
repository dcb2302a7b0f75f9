"""Copies in a collection: files that are the same, the same photograph changed, and other photographs of one scene.

Two notions, with names of their own, as they are cured differently (Barz & Denzler 2020, Do we train on test data?, J.
Imaging 6, keep exact, near duplicates and merely similar pictures apart, too):

- same photo: one exposure, compressed, resized, lit, captioned, cropped, turned or mirrored. Laid on each other, 60 %
  of the blocks that both show agree, the colours are the same (or one is grey, and that is said), no place differs at
  the resolution of the smaller one but for a caption along a side, and where both move, they end alike.
- same scene: one thing photographed twice, or one photograph in which something was changed. A map of one plane
  explains at least 12 matches, and 30 % of the blocks agree. A form that is filled in otherwise is neither.

A group holds what is mutually a copy. A crop is part of its image, which is no equivalence: one cut-out may be pasted
into many photographs. Such pairs are told, and link no group.

Cheap steps find candidates, and dear ones look at candidates alone: content hash; perceptual hash of the eight turns
and mirrors; neighbours of the embedding; then pixels and local features. No pair is accepted for its hash or cosine.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...core.checks import check_number
from ...core.events import Event
from ...core.runtime import one_blas_thread, threads
from ...data.decode import DecodeError, content_hash, read
from ...data.imageset import ImageSet
from ...data.phash import SIDE, grey_32
from ...data.sources import open_images
from ...representation.embed import Watch
from ...representation.embeddings import Embeddings
from ...representation.vector_cache import VectorCache
from ..search.verify.cache import FeatureCache
from .candidates import by_hash, by_vector, unit_vectors
from .groups import Decisions, grouped, ordered, read_decisions
from .judge import Found, judge

KINDS = ("identical", "same photo", "same scene")
GREYS = "grey-32-2"  # the cache of small grey pictures, by content


@dataclass(frozen=True)
class Pair:
    """Two images that belong together.

    Attributes:
        a: id of the one that comes first in the collection.
        b: id of the other.
        kind: identical | same photo | same scene.
        score: in [0, 1]: the share of blocks that agree; 1 for identical ones and for what was decided.
        evidence: `by` (content | hash | spatial | decision) and what was measured: `hamming`, `cosine`, `agreement`,
            `inliers`, `mirrored`; for a crop `part` (a | b: which is the crop), and `box`, where it lies in the
            other image (left, top, right, bottom in pixels); a still that begins an animation is a part of it, with
            `still`; `grey` where one of the two alone is grey, `captioned` where a bar along a side differs, and for
            a same scene `differs`, the largest changed place in b, where all else is one photograph.
    """

    a: str
    b: str
    kind: str
    score: float
    evidence: Mapping[str, Any]


@dataclass(frozen=True)
class Duplicates:
    """What was found.

    Attributes:
        pairs: identical ones first, then same photo, then same scene, each best first.
        groups: ids that are copies of one another, directly or through others; neither same scene nor being a part
            of another image links.
        hashes: the content hash of each id, for `duplicate_groups.decide`.
        set_aside: images that could not be read, as {"path": ..., "cause": ...}.
    """

    pairs: list[Pair]
    groups: list[list[str]]
    hashes: Mapping[str, str]
    set_aside: tuple[dict[str, str], ...] = ()


def find_duplicates(
    images: ImageSet | str | Path | np.ndarray | Sequence[Any],
    vectors: Embeddings | ArrayLike | None = None,
    *,
    radius: int = 10,
    top: int = 10,
    cosine: float = 0.4,
    mirror: bool = True,
    decisions: Decisions | str | Path | None = None,
    workers: int | None = None,
    watch: Watch | None = None,
) -> Duplicates:
    """Find copies and other views among n images.

    Args:
        images: what `open_images` takes.
        vectors: (n, d) vectors in the order of the images, or `Embeddings` with their ids; without them crops, small
            turns and other views are not found.
        radius: bits in which the perceptual hashes of candidates may differ. At 10 all of compressed, resized, lit,
            blurred and noisy copies come up, and 1 pair in 85,000 of different pictures; at 8 a tenth of lit ones not.
        top: neighbours of each image by its vector that are looked at ...
        cosine: ... if they are at least so near; 99 % of different photographs are not, in the bundled `imagenet`.
        mirror: look for mirrored copies, too.
        decisions: remembered verdicts, or the file of them (`duplicate_groups.decide`): pairs called different are left
            out and never grouped, pairs called same are same photo.
        workers: threads; as many as processors by default.
        watch: wraps the stream of progress events: `look` for each image, then `judge` for each candidate.

    Returns:
        Pairs and groups. O(n^2) comparisons of hashes (eight for each pair) and of vectors, in pieces; n decodings,
        which are remembered; 50 ms an image among candidates for its features, and 5 ms a candidate.

    Raises:
        InputError: no images, vectors that do not belong to them, or settings out of range.
    """
    check_number("radius", radius, 0, 64, whole=True)
    check_number("top", top, 1, whole=True)
    check_number("cosine", cosine, -1, 1)
    number = threads() if workers is None else check_number("workers", workers, 1, whole=True)
    known = read_decisions(decisions) if isinstance(decisions, str | Path) else dict(decisions or {})
    opened = open_images(images)
    unit = None if vectors is None else unit_vectors(vectors, opened.ids)
    found: list[Duplicates] = []
    events = _work(opened, unit, radius, top, cosine, mirror, known, int(number), found)
    for _ in watch(events) if watch else events:
        pass
    return found[0]


def _work(
    opened: ImageSet,
    unit: np.ndarray | None,
    radius: int,
    top: int,
    cosine: float,
    mirror: bool,
    known: Decisions,
    number: int,
    out: list[Duplicates],
) -> Iterator[Event]:
    looked: list[Any] = []
    with ThreadPoolExecutor(number) as pool, closing(VectorCache(GREYS)) as greys:
        for one in pool.map(partial(_look, greys), opened.items):
            looked.append(one)
            yield Event("look", len(looked), len(opened))
    contents = {row: one[0] for row, one in enumerate(looked) if not isinstance(one, str)}
    unread = [(row, one) for row, one in enumerate(looked) if isinstance(one, str)]
    first: dict[str, int] = {}  # from here on one image stands for all with its content
    for row, content in contents.items():
        first.setdefault(content, row)
    rows = list(first.values())
    near = by_hash([looked[row][1] for row in rows], radius, mirror)
    if unit is not None:
        for pair, about in by_vector(unit[rows], top, cosine).items():
            near[pair] = near.get(pair, {}) | about
    near = {(rows[i], rows[j]): about for (i, j), about in near.items()}
    undecided = [pair for pair in sorted(near) if ordered(contents[pair[0]], contents[pair[1]]) not in known]
    looking = partial(judge, opened.items, near, FeatureCache(mirror=mirror), mirror)
    judged: list[Found] = []
    with one_blas_thread(), ThreadPoolExecutor(number) as pool:
        for done, verdict in enumerate(pool.map(looking, undecided), 1):
            judged += [] if verdict is None else [verdict]
            yield Event("judge", done, len(undecided))
    copies: list[Found] = [
        (first[content], row, "identical", 1.0, {"by": "content"})
        for row, content in contents.items()
        if row != first[content]
    ]
    same, apart = _decided(known, first)
    found = sorted(copies + same + judged, key=lambda one: (KINDS.index(one[2]), -one[3], one[:2]))
    links = [one[:2] for one in found if one[2] != "same scene" and "part" not in one[4]]
    groups = grouped(len(opened), links, apart)
    ids = opened.ids.tolist()
    out.append(
        Duplicates(
            [Pair(ids[i], ids[j], kind, score, about) for i, j, kind, score, about in found],
            [[ids[row] for row in group] for group in groups],
            {ids[row]: content for row, content in contents.items()},
            opened.set_aside + tuple({"path": opened.called(row), "cause": one} for row, one in unread),
        )
    )
    yield Event("done", len(undecided), len(undecided))


def _look(greys: VectorCache, item: Path | np.ndarray) -> tuple[str, np.ndarray] | str:
    """Content hash and small grey picture, or why there are none."""
    try:
        content = read(item)
        name = content_hash(content)
        known = greys.get(name)
        if known is not None and known.size == SIDE**2:
            return name, known.reshape(SIDE, SIDE).astype(np.uint8)
        grey = grey_32(content)
    except DecodeError as error:
        return str(error)
    greys.put({name: grey.astype(np.float32).ravel()})
    return name, grey


def _decided(known: Decisions, first: Mapping[str, int]) -> tuple[list[Found], list[tuple[int, int]]]:
    """Pairs of the collection that were called the same, and rows that were called different."""
    same: list[Found] = []
    apart = []
    for (one, other), verdict in known.items():
        if one in first and other in first:
            i, j = sorted((first[one], first[other]))
            if verdict == "different":
                apart.append((i, j))
            else:
                same.append((i, j, "same photo", 1.0, {"by": "decision"}))
    return same, apart
