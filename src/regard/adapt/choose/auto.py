"""Auto: try several methods, and take the one that label-free evidence supports; otherwise adapt nothing.

The methods, no adaptation among them, are scored by `select` with the source's labels and the target's vectors. A
method is taken only where its score beats that of no adaptation by more than chance, so that a target which no method
helps is left alone. Of the methods that do, the first in order is taken: such scores tell a help from a harm, but not
which of two helps is the greater.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from sklearn.base import clone

from ...core.checks import bad, check_choice
from ...core.discover import load, names
from ..classifier import ClassifierLike
from ..contract import Domains, ShallowAdapter
from ..mapped import by_domain
from .absent import lacking
from .estimators import candidates, choose_estimator, fitted
from .select import SCORERS, Choice

# Of the methods without target labels, those that are quick and map vectors by themselves; see docs/adapt/choice.md.
# In order of preference, which decides among those that beat no adaptation: by their means on pictures in other styles
# (docs/reproduced.md).
DEFAULT = ("transport", "coral", "tjm", "subspace", "gfk", "tca", "jda", "weighting")


class SourceOnly(ShallowAdapter):
    """No adaptation: the classifier on the source's vectors as they are; the baseline of every method."""

    admits_regression = True

    def __init__(self, classifier: ClassifierLike = "linear") -> None:
        self.classifier = classifier

    def _align(self, data: Domains) -> None:
        """Learn nothing."""


class Auto(ShallowAdapter):
    """A method chosen without target labels, fitted to all samples.

    Cost: for every candidate `folds` fits, twice that with circular validation, and one fit of the chosen.

    Args:
        methods: the candidates in order of preference: names of methods, or name -> unfitted adapter (whose settings
            stay as they are); None for the default ones. The rows of `choice_` carry these very names (and
            `source_only`); `tune` adds the settings, as in "coral reg=0.01".
        by: the score that decides: circular, iwv, dev, entropy or snd.
        baseline: no adaptation is a candidate, and stays unless a method is better beyond chance.
        tune: try each method with every combination of its `grid`, too.
        classifier: on top of every method that has one.
        folds: parts of the source of which each is held out once.
        random_state: seed of the folds and of methods that draw.

    Attributes:
        choice_: a `Choice`: what was chosen, by what margin, and the evidence for every candidate.
        chosen_: the chosen method, fitted.

    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(["a", "b"], 50)
    >>> X = rng.normal(size=(100, 2)) * [0.1, 1] + (y == "b")[:, None] * [1, 0]
    >>> model = Auto(methods=["coral", "subspace"]).fit(X, y, X * [0.1, 5] + 3)
    >>> model.choice_.name
    'coral'
    """

    def __init__(
        self,
        methods: Iterable[str] | Mapping[str, ShallowAdapter] | None = None,
        by: str = "circular",
        tune: bool = False,
        baseline: bool = True,
        classifier: ClassifierLike = "linear",
        folds: int = 3,
        random_state: int = 0,
    ) -> None:
        self.methods = methods
        self.by = by
        self.tune = tune
        self.baseline = baseline
        self.classifier = classifier
        self.folds = folds
        self.random_state = random_state

    def _learn(self, data: Domains) -> np.ndarray | None:
        check_choice("by", self.by, SCORERS)
        tried = self.candidates(bool(len(data.known)))
        self.choice_: Choice = choose_estimator(
            tried,
            data,
            by=self.by,
            baseline="source_only" if self.baseline else None,
            scorers=(self.by,),
            folds=self.folds,
            seed=self.random_state,
            ranks=self._ranks(tried),
        )
        every = np.arange(len(data.ys))
        self.chosen_ = fitted(tried[self.choice_.name], data, every)
        if self.choice_.margin is not None and self.baseline:
            alone = fitted(tried["source_only"], data, every)
            self.choice_ = replace(self.choice_, note=_absent_note(alone, data, self.choice_.name))
        return None

    def candidates(self, labelled: bool = False) -> dict[str, ShallowAdapter]:
        """The estimators to choose from, by name; `labelled` where some target labels are known.

        Methods that need known target labels are left out where there are none.
        """
        own = self.methods if isinstance(self.methods, Mapping) else None
        if own is None:
            settings = {"classifier": self.classifier, "random_state": self.random_state}
            given = [name for name in DEFAULT if name in names("adapt")] if self.methods is None else list(self.methods)
            for name in given:
                check_choice("methods", name, names("adapt"))
        else:
            settings, given = {}, list(own)
            for name, one in own.items():
                if not isinstance(one, ShallowAdapter) or isinstance(one, Auto):
                    raise bad("methods", f"{name}: {one!r}", "an unfitted adapter under each name")

        def make(name: str, **changes: object) -> ShallowAdapter:
            if own is None:
                return load("adapt", name)(**changes)
            return clone(own[name]).set_params(**changes)

        usable = [name for name in given if labelled or not make(name).needs_target_labels]
        tried = candidates(usable, make, tune=self.tune, **settings)
        if not tried and not self.baseline:
            raise bad("methods", "none that can do without target labels", "at least one", "Give yt, or other methods.")
        # a candidate of the caller's that has the baseline's name is the baseline
        return {"source_only": SourceOnly(self.classifier), **tried} if self.baseline else tried

    def _ranks(self, tried: Iterable[str]) -> dict[str, int]:
        """Places of the candidates' methods in the order of preference; those of one method share theirs."""
        given = list(DEFAULT if self.methods is None else self.methods)

        def of(name: str) -> int:
            fitting = [place for place, one in enumerate(given) if name == one or name.startswith(f"{one} ")]
            return max(fitting, key=lambda place: len(given[place]), default=-1)

        return {name: of(name) for name in tried}

    def _map(self, X: np.ndarray, domain: str) -> np.ndarray:
        return by_domain(self.chosen_, self.chosen_._map, X, domain)

    def _proba(self, X: np.ndarray, domain: str) -> np.ndarray:
        return self.chosen_.predict_proba(X, domain=domain)


def _absent_note(alone: ShallowAdapter, data: Domains, chosen: str) -> str:
    """What to say where a method was taken though the target may lack classes, which the scores cannot see."""
    shares = np.array([np.mean(data.ys == one) for one in alone.classes_])
    missing = np.setdiff1d(alone.classes_[lacking(alone.predict_proba(data.Xt), shares)], data.yt)
    if not len(missing):
        return ""
    return (
        f"The source alone hardly ever tells {len(missing)} of {len(shares)} classes on the target. If it lacks "
        f"them, {chosen} puts samples into them wrongly, and no score here can see it: then leave them out of the "
        "source, or adapt nothing."
    )
