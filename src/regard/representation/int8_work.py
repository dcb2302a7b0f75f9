"""A network quantised on a user's images: made, measured against fp32 and timed, or remembered."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.checks import RunError, bad
from ..core.runtime import numpy_rng, threads
from ..core.storage import cache_folder, hash_json, read_json
from ..data.decode import DecodeError, content_hash, decode, read
from ..data.imageset import ImageSet
from .agreement import Agreement, agreement
from .int8_graph import SCHEME, need_nncf, place, quantise
from .openvino_files import kept, traced
from .openvino_graph import compile_graph, compiled, filled, outputs, remember
from .openvino_library import folder, has_bf16, machine
from .preprocess import Size
from .processor import features
from .runner import LayerName, Pixels

if TYPE_CHECKING:
    from .representation import Representation

if TYPE_CHECKING:
    from openvino import CompiledModel

MOST = 300  # pictures to calibrate on
MEASURED = 1000  # to measure on: of many pictures the ten nearest are closer, and small changes move more of them
FEWEST = 8  # to calibrate on
RECALL = 0.95  # for `auto`, beside the smallest cosine that is asked of bf16
# shares of the network's products that stay in fp32, tried in turn until the recall is reached: the first layers carry
# most of the harm, as in bf16, and most of the time
SHARES = (0.0, 0.1, 0.2)
_ROOM = 2**29  # bytes of pictures held at once


@dataclass
class Work:
    """The network of one embedding, quantised and measured."""

    rep: "Representation"
    layer: LayerName
    batch: int
    tell: Callable[[str], object] = lambda text: None

    def __post_init__(self) -> None:
        self.key = hash_json([self.rep.network_fingerprint, self.layer])
        self.size: Size = self.rep.preprocess.size

    def remembered(self, name: str) -> dict[str, Any] | None:
        """What was measured of a calibration on this processor; None where that is not known or damaged."""
        try:
            card = read_json(self._record(name))
            Agreement(**card["agreement"])
            place(self.key, card["calibration"])
            times = card["milliseconds"]
            whole = all(isinstance(times[side], float) and times[side] > 0 for side in ("int8", "other"))
            return dict(card) if whole and card["fp32_share"] in SHARES and card["other"] in ("bf16", "fp32") else None
        except (OSError, LookupError, TypeError, ValueError):
            return None

    def measured(self, images: ImageSet, seed: int) -> tuple[str, dict[str, Any]]:
        """The calibration's name, and its card; made where they are not there."""
        rows, held = self._drawn(images, seed)
        with ThreadPoolExecutor(threads()) as pool:  # read one by one, not held: they may be large
            hashes = [found for found in pool.map(lambda row: _hash(images.items[row]), rows) if found]
        if len(hashes) < FEWEST:
            got = f"int8 with {len(hashes)} images that can be read"
            raise bad("--precision", got, f"at least {FEWEST} to calibrate on", "Use auto.")
        name = hash_json([SCHEME, "VNNI" in features(), *sorted(hashes)])[:12]
        card = self.remembered(name)
        if card is not None and kept(place(self.key, card["calibration"])) is not None:
            return card["calibration"], card
        graph = traced(self._network(), self.size, folder() / f"{self.key}.xml")
        pixels, good = self._pixels(images, rows)
        exact, _ = compiled(self._network(), self.size, self.batch, "fp32", self.key)
        others, good = (pixels, good) if held is None else self._pixels(images, held)
        wanted, labels = outputs(exact, others, self.batch), _known(images.labels, good)
        tried: list[tuple[float, float, Agreement, Any]] = []
        for share in SHARES:
            path = place(self.key, _name(name, share))
            there = kept(path)
            if there is None:
                need_nncf()
                exactly = f" with the first {share:.0%} in fp32" if share else ""
                self.tell(f"calibrating the network{exactly} on {len(pixels)} images, once")
                there = quantise(*graph, pixels, path, share)
            low = compile_graph(*there, 1.0, self.size, self.batch)
            found = agreement(wanted, outputs(low, others, self.batch), labels, held is not None)
            recall = 1.0 if found.recall_at_10 is None else found.recall_at_10
            tried.append((min(recall, RECALL), -share, found, low))
            if recall >= RECALL:
                break
        _, share, found, low = max(tried, key=lambda one: one[:2])
        other, rival = self._rival(exact)
        spent = _times([low, rival], others[: self.batch], self.batch)
        card = {
            "calibration": _name(name, -share),
            "fp32_share": -share,
            "calibrated_on": len(hashes),
            "agreement": found.as_dict(),
            "milliseconds": {"int8": spent[0], "other": spent[1]},
            "other": other,
        }
        if kept(place(self.key, str(card["calibration"]))) is None:
            raise RunError(f"int8 needs a cache folder that can be written to: {cache_folder()}")
        remember(self._record(name), card)
        return str(card["calibration"]), card

    def _drawn(self, images: ImageSet, seed: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Rows to calibrate on, and others to measure on; None for the same."""
        height, width = self.rep.preprocess.shape
        most = max(FEWEST, min(MOST, _ROOM // (3 * height * width)))
        order = numpy_rng(seed, "int8").permutation(len(images))
        if len(order) < 2 * FEWEST:
            return np.sort(order), None
        part, rest = min(most, len(order) // 2), max(FEWEST, min(MEASURED, _ROOM // (3 * height * width)))
        return np.sort(order[:part]), np.sort(order[part : part + rest])

    def _pixels(self, images: ImageSet, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, 3, H, W) uint8 of those that can be decoded, and their rows (n,)."""
        steps = self.rep.preprocess

        def one(row: int) -> np.ndarray | None:
            try:
                return np.asarray(steps.apply(decode(images.items[row], steps.decode_side)).numpy())
            except DecodeError:
                return None  # told of where it is embedded

        with ThreadPoolExecutor(threads()) as pool:
            made = [(row, pixels) for row, pixels in zip(rows, pool.map(one, rows)) if pixels is not None]
        if not made:
            raise bad("--precision", "int8 with no image that can be decoded", f"at least {FEWEST}", "Use auto.")
        return np.stack([pixels for _, pixels in made]), np.array([row for row, _ in made])

    def _rival(self, exact: "CompiledModel") -> tuple[str, Any]:
        if has_bf16():
            try:
                return "bf16", compiled(self._network(), self.size, self.batch, "bf16", self.key)[0]
            except RunError:
                pass
        return "fp32", exact

    def _network(self) -> Pixels:
        self.rep.encoder.to("cpu")
        return Pixels(self.rep.encoder, self.layer, self.rep.pooled).eval()

    def _record(self, name: str) -> Path:
        graph = place(self.key, name)
        return graph.with_name(f"{graph.stem}-{self.batch}-{machine()}.json")


def _name(pictures: str, share: float) -> str:
    """The name of a calibration: of the pictures' hash, and of the share in fp32 in percent where there is one."""
    return f"{pictures}-{round(100 * share)}" if share else pictures


def _hash(item: Path | np.ndarray) -> str:
    try:
        return content_hash(read(item))
    except DecodeError:
        return ""


def _known(labels: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    """The labels of these rows; None where one is unknown."""
    if labels is None or any(label is None or not str(label) for label in labels[rows]):
        return None
    return labels[rows]


def _times(graphs: list[Any], pictures: np.ndarray, batch: int, turns: int = 6) -> list[float]:
    """Milliseconds of the processor an image, the least of several turns that alternate; the first warms up."""
    whole = filled(pictures, batch)
    spent: list[list[float]] = [[] for _ in graphs]
    for turn in range(turns + 1):
        for graph, times in zip(graphs, spent):
            start = time.process_time()
            graph([whole])
            if turn:
                times.append(1000 * (time.process_time() - start) / batch)
    return [max(min(times), 1e-6) for times in spent]
