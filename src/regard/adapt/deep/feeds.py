"""The images of a run of deep adaptation as batches, and what its candidates are judged on."""

from collections.abc import Sequence

import numpy as np

from ...core.runtime import numpy_rng
from ...data.imageset import ImageSet
from ...learning.batches import Feed
from ...learning.sampling import Batches, Shuffled, Together
from ..choose.scorers import SCORERS
from .arms import Exam
from .batches import InOrder, PartlyKnown, in_equal_shares
from .contract import DeepMethod
from .domains import domains_of
from .plan import Plan

FEW = 1000  # source images by which density ratios are learned


class Feeds:
    """The images of a run as batches, and what its candidates are judged on, by which scorers in the end."""

    def __init__(self, plan: Plan, scorers: Sequence[str] = tuple(SCORERS)) -> None:
        domains, classes = plan.domains, plan.objective.classes
        self.plan = plan
        self.source, self.held = self._feed(domains.known.train, classes), self._feed(domains.known.held_out, classes)
        self.target = self._feed(domains.target, ())
        self.labelled = None if domains.labelled is None else self._feed(domains.labelled, classes)
        some = domains.known.train
        if len(some) > FEW:
            rows = numpy_rng(plan.settings.seed, "ratios").choice(len(some), FEW, replace=False)
            some = some.subset(np.sort(rows))
        truth = None
        if domains.truth is not None:
            places = {name: code for code, name in enumerate(classes)}
            truth = np.array([places.get(str(one), -1) for one in domains.truth])
        codes = np.searchsorted(np.array(classes), domains.known.held_out.need_labels("", 1))
        self.exam = Exam(self.held, codes, self._feed(some, classes), self.target, truth, plan.by, scorers)

    def _feed(self, images: ImageSet, classes: Sequence[str]) -> Feed:
        return Feed(images, self.plan.start.preprocess, classes=classes, workers=self.plan.settings.threads)

    def batches(self, method: DeepMethod) -> Batches:
        """Source batches, and where the method looks at the target its batches beside them."""
        size, seed = self.plan.settings.batch or 1, self.plan.settings.seed
        origins = domains_of(self.source.images)
        source: Batches = (
            Shuffled(self.source, len(self.source.images), size, seed)
            if origins is None
            else in_equal_shares(self.source, origins, size, seed)
        )
        if method.weight == 0 or not method.learns:
            return Together({"source": source})
        known = None
        if self.labelled is not None:
            few = len(self.labelled.images)
            known = Shuffled(self.labelled, few, min(max(size // 2, 1), few), seed, "labelled")
        if not method.unlabelled:
            return Together({"source": source, "target": PartlyKnown(None, known)})
        n = len(self.target.images)
        target: Batches = (
            InOrder(self.target, n, min(size, n))
            if method.as_is
            else Shuffled(self.target, n, min(size, n), seed, "target")
        )
        return Together({"source": source, "target": PartlyKnown(target, known)})
