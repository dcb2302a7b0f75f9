"""How good told depth is: the field's measures, with and without alignment, beside the best constant of each row."""

from collections.abc import Mapping

import numpy as np
import torch

from ...data.annotations.record import Annotations
from ...metrics.contrast import Difference, contrast
from ...metrics.depth import ALIGNMENTS, MEASURES, DepthScores, known_depth
from ...metrics.image_resampling import scores_interval
from ...metrics.intervals import TOO_FEW, Interval
from .answer import Answer
from .depth_statistics import row_constants
from .frame import Framed
from .tally import ByClass, Seen, Telling, known

MAIN = "abs_rel"
CONSTANT = f"row_constant_{MAIN}"
GAIN = "row_constant_gain"


class DepthTally:
    """Depth in metres.

    `seen` is called with the answer, the true depth (H, W) with NaN where it does not count, the one that was told, and
    its `abs_rel`.
    """

    def __init__(self, telling: Telling, seen: Seen | None, cap: float | None = None) -> None:
        self.seen = seen
        statistics: Mapping[str, tuple[float, ...]] = getattr(telling, "statistics", {})
        size = int(getattr(telling, "size", 0))
        self.cap = cap
        self.constants = row_constants(statistics, size)
        self.plain = DepthScores("none", self.cap)
        self.others = {way: DepthScores(way, self.cap) for way in ALIGNMENTS[1:]}
        self.rows = DepthScores("none", self.cap)

    @property
    def images(self) -> int:
        """See `Tally`."""
        return self.plain.images

    def add(self, carried: Annotations, answer: Answer) -> str:
        """Count one picture; why not, where that cannot be."""
        if carried.depth is None or answer.depth is None:
            return "nothing is said of its depth"
        truth, told = carried.depth.metres, answer.depth.numpy()
        if not self.plain.add(told, truth):
            return "the depth of none of its pixels is known" + (f" within {self.cap:g} m" if self.cap else "")
        for one in self.others.values():
            one.add(told, truth)
        if self.constants is not None:
            framed = Framed(*answer.size, len(self.constants))
            self.rows.add(framed.map_out(torch.from_numpy(self.constants)).numpy(), truth)
        if self.seen is not None:
            counted = np.where(known_depth(truth, self.cap), truth, np.float32(np.nan))
            self.seen(answer, counted, told, float(self.plain.by_image(MAIN)[-1]))
        return ""

    def told(self) -> tuple[dict[str, float | None], ByClass]:
        """See `Tally`; there are no classes."""
        metrics = {name: known(value) for name, value in self.plain.metrics().items()}
        for way, one in self.others.items():
            found = one.metrics()
            metrics |= {f"{name}_{way}": known(found[name]) for name in (MAIN, "rmse", "delta1")}
        if self.constants is not None:
            metrics[CONSTANT] = known(self.rows.metrics()[MAIN])
            gain = self.gain()
            metrics |= {GAIN: gain.mean}
            sure = gain.verdict != TOO_FEW
            metrics |= {f"{GAIN}_low": gain.low if sure else None, f"{GAIN}_high": gain.high if sure else None}
        return metrics, {}

    def gain(self) -> Difference:
        """How much less `abs_rel` is than that of the best constant of each row, and how sure that is."""
        return contrast(self.rows.by_image(MAIN), self.plain.by_image(MAIN), largest=np.inf)

    def by_image(self) -> dict[str, np.ndarray]:
        """See `Tally`."""
        rows = {} if self.constants is None else {CONSTANT: self.rows.by_image(MAIN)}
        return {name: self.plain.by_image(name) for name in MEASURES} | rows

    def interval(self, scores: np.ndarray) -> Interval:
        """See `Tally`; no less than 0, and without an upper limit."""
        return scores_interval(scores, largest=np.inf)
