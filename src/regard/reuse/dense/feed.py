"""Images with what they carry become batches for a dense task: read once where they fit in memory, else streamed."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...core.checks import InputError, bad, check_choice, check_number
from ...data.annotations.faults import Fault, counted
from ...data.decode import DecodeError, decode, read, upright_size
from ...data.imageset import ImageSet
from ...learning.batch import Batch
from ...learning.batches import MEMORY
from .frame import Framed, colour_bytes
from .given_boxes import Proposals, padded
from .target_semantic import VOID
from .targets import CLASSLESS, KINDS, MORE, Target, stacked, target_of, unpacked

_OBJECTS = 8  # masks that a picture is taken to have, where memory is reckoned


class _Shown(NamedTuple):
    """A picture in its square, how it lies there, and what it carries."""

    pixels: Tensor
    framed: Framed
    target: Target
    proposals: Tensor | None = None


class DenseFeed:
    """Makes the batch of some rows of an image set: `feed(rows) -> Batch`.

    The tensors: `images` (N, 3, S, S) uint8; `rows` (N,); of objects, filled up to the most of the batch but to one at
    least, `boxes` (N, M, 4) float32, `classes` (N, M) int64, -1 where there is no object, `ignore` (N, M) of bool,
    `masks` (N, M, S, S) of bool; `semantic` (N, S, S) int64, 255 where a pixel counts neither way; `depth`
    (N, S, S) float32 metres, NaN where it is not known; `proposals` (N, P, 4) float32, filled up with boxes without
    area.

    A picture that cannot be used (damaged, or nothing is said of its objects) is named in `failed` with its cause, and
    in a batch the next one stands in for it; `in_order` leaves it out. `faults` counts what was wrong with annotations
    of the pictures that were read, and `told` names each.

    Args:
        images: with annotations.
        size: side S of the square in pixels.
        classes: names in the order of the outputs; of `semantic` with the background, where it is one;
            none of `depth`.
        colour: red, green and blue in [0, 1] of what fills a picture up, as the encoder's `config["mean"]` says it.
        what: some of `targets.KINDS`.
        memory: bytes of pictures and targets that are kept; with more they are read for each batch.
        workers: threads.
        proposals: where something could be, told of each picture; None: batches have none.

    Raises:
        InputError: no annotations, no class or one given twice, or no picture that can be used.
    """

    def __init__(
        self,
        images: ImageSet,
        size: int,
        classes: Sequence[str],
        colour: Sequence[float] = (0.5, 0.5, 0.5),
        *,
        what: Sequence[str] = ("boxes",),
        memory: int = MEMORY,
        workers: int | None = None,
        proposals: Proposals | None = None,
    ) -> None:
        check_number("size", size, 8, 4096, whole=True)
        if images.annotations is None:
            raise bad(
                "images", f"{images.name} without annotations", "images with boxes, masks, maps of classes or depth"
            )
        few = 0 if what and set(what) <= set(CLASSLESS) else 1
        if len(set(classes)) < len(classes) or not few <= len(classes) <= VOID:
            raise bad("classes", f"{len(classes)} names, {len(set(classes))} of them different", "1 to 255, each once")
        if not what:
            raise bad("what", list(what), f"some of {', '.join(KINDS)}")
        self.what = tuple(check_choice("what", one, KINDS) for one in what)
        self.images, self.size, self.classes = images, size, tuple(map(str, classes))
        self.colour, self.proposals = colour_bytes(list(colour)), proposals
        self.workers = workers or images.readers
        self.failed: dict[str, str] = {}
        self._told: dict[int, tuple[Fault, ...]] = {}
        self._bad: set[int] = set()
        self._held: dict[int, _Shown] | None = None
        if len(images) * self._bytes() <= memory:
            self._held = self._read(range(len(images)))
            if not self._held:
                raise self._none()

    def __call__(self, rows: np.ndarray, held_out: bool = False) -> Batch:
        """The batch of these rows, in this order."""
        wanted = [int(row) for row in rows]
        found = self._read(list(dict.fromkeys(wanted))) if self._held is None else self._held
        return self._batch([self._standing(row, found) for row in wanted], held_out)

    def in_order(self, size: int) -> Iterator[Batch]:
        """All images that can be used once, for scoring; `rows` says which they are."""
        for start in range(0, len(self.images), size):
            rows = range(start, min(start + size, len(self.images)))
            found = self._read(rows) if self._held is None else self._held
            if kept := [(row, found[row]) for row in rows if row in found]:
                yield self._batch(kept, held_out=True)

    def framed(self, row: int) -> Framed:
        """How a picture lies in its square; raises InputError for one that cannot be used."""
        row = int(row)
        found = self._read([row]) if self._held is None else self._held
        if row not in found:
            name = self.images.called(row)
            raise bad("row", f"{row} ({name}: {self.failed[name]})", "a picture that can be used")
        return found[row].framed

    @property
    def told(self) -> list[Fault]:
        """What was wrong with files of annotations, and with those of each picture that was read."""
        sources = self.images.annotations.sources if self.images.annotations is not None else ()
        general = [fault for source in sources for fault in source.general()]
        return general + [fault for row in sorted(self._told) for fault in self._told[row]]

    @property
    def faults(self) -> dict[str, int]:
        """How many there are of each kind."""
        return counted(self.told)

    def _bytes(self) -> int:
        """What a picture is reckoned to take."""
        masks = _OBJECTS // 8 if "masks" in self.what else 0
        return self.size**2 * (3 + masks + sum(MORE[one].bytes for one in self.what if one in MORE))

    def _read(self, rows: Sequence[int]) -> dict[int, _Shown]:
        """Those of these rows that can be used; the others are named in `failed`, in their order."""
        wanted = [row for row in rows if row not in self._bad]
        with ThreadPoolExecutor(self.workers) as pool:
            found = dict(zip(wanted, pool.map(self._one, wanted)))
        for row, shown in found.items():
            if isinstance(shown, str):
                self.failed[self.images.called(row)] = shown
                self._bad.add(row)
        return {row: shown for row, shown in found.items() if not isinstance(shown, str)}

    def _standing(self, wanted: int, found: dict[int, _Shown]) -> tuple[int, _Shown]:
        # the next picture stands in for one that fails: which one depends on the data alone, so runs repeat
        n = len(self.images)
        for row in ((wanted + offset) % n for offset in range(n)):
            shown = found.get(row)
            if shown is None and self._held is None:
                shown = self._read([row]).get(row)
            if shown is not None:
                return row, shown
        raise self._none()

    def _none(self) -> InputError:
        first = next(iter(self.failed.items()), ("", ""))
        return InputError(f"images: none of {self.images.name} can be used; the first, {first[0]}: {first[1]}")

    def _one(self, row: int) -> _Shown | str:
        """One picture with its target, or why it cannot be used."""
        assert self.images.annotations is not None
        name = self.images.called(row)
        try:
            content = read(self.images.items[row])
            width, height = upright_size(content)
            framed = Framed(height, width, self.size)
            pixels = framed.picture(decode(content, self.size), self.colour)
            target, faults = target_of(self.images.annotations[row], framed, self.classes, self.what, name)
            given = self.proposals and self.proposals.of(str(self.images.ids[row]), framed, pixels)
        except (DecodeError, InputError) as error:
            return str(error)
        self._told[row] = faults
        return _Shown(pixels, framed, target, given)

    def _batch(self, found: Sequence[tuple[int, _Shown]], held_out: bool) -> Batch:
        shown = [one for _, one in found]
        tensors: dict[str, Tensor] = {}
        if set(self.what) & {"boxes", "masks"}:
            most = max(1, *(len(one.target.boxes) for one in shown), 1)
            tensors["boxes"] = torch.zeros(len(shown), most, 4)
            tensors["classes"] = torch.full((len(shown), most), -1)
            tensors["ignore"] = torch.zeros(len(shown), most, dtype=torch.bool)
            if "masks" in self.what:
                tensors["masks"] = torch.zeros(len(shown), most, self.size, self.size, dtype=torch.bool)
            for place, one in enumerate(shown):
                count = len(one.target.boxes)
                tensors["boxes"][place, :count] = one.target.boxes
                tensors["classes"][place, :count] = one.target.classes
                tensors["ignore"][place, :count] = one.target.ignore
                if one.target.masks is not None:
                    tensors["masks"][place, :count] = unpacked(one.target.masks, self.size)
        for name in shown[0].target.more:
            tensors[name] = stacked(name, [one.target.more[name] for one in shown])
        if self.proposals is not None:
            tensors["proposals"] = padded([one.proposals for one in shown if one.proposals is not None])
        pixels, rows = torch.stack([one.pixels for one in shown]), torch.tensor([row for row, _ in found])
        return Batch(pixels, rows, None, held_out, **tensors)
