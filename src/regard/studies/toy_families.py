"""The families of methods that the toy tries, one or two of each, with what each can and cannot do."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SHOTS = 3  # target labels of each class, for methods that need some


@dataclass(frozen=True)
class Way:
    """A method on the toy.

    Attributes:
        key: short, of letters and digits and underscores; the method's name, unless a setting tells two apart.
        name: of the method.
        base: what it is compared with, without adaptation: a classifier's name, `machine` (support vectors with a
            Gaussian kernel) or `network`.
        settings: other than the defaults.
        shots: target labels of each class; the base learns from them, too.
        cost: of errors in `machine`.
    """

    key: str
    name: str
    base: str
    settings: Mapping[str, object] = field(default_factory=dict)
    shots: int = 0
    cost: float = 1.0

    @property
    def called(self) -> str:
        """With its settings, as one would write them."""
        return " ".join([self.name, *(f"{name}={value}" for name, value in self.settings.items())])


@dataclass(frozen=True)
class Family:
    """Methods of one idea.

    Attributes:
        title: of the family.
        idea: in a sentence.
        works: when it can.
        cannot: when not.
        ways: its methods.
    """

    title: str
    idea: str
    works: str
    cannot: str
    ways: tuple[Way, ...]


FAMILIES: tuple[Family, ...] = (
    Family(
        "Weigh the source",
        "Source points count by how likely they are in the target; none of them moves.",
        "the target lies within the source and a point keeps its class, while the classifier is too simple for the "
        "whole source (by place); or only the classes' shares differ (`ratio=label`).",
        "points have moved to where no source point is, or a place has changed its class: no weights can say so.",
        (
            Way("weighting", "weighting", "linear"),
            Way("weighting_label", "weighting", "linear", {"ratio": "label"}),
        ),
    ),
    Family(
        "Align subspaces and features",
        "The source is moved as a whole, until its mean and covariance, or its main axes, are the target's.",
        "one and the same linear change has moved both classes, and the shares are equal.",
        "the change bends, or shares differ: the mean moves with them, and the alignment then moves what was right.",
        (Way("coral", "coral", "svm"), Way("subspace", "subspace", "1nn")),
    ),
    Family(
        "Transport",
        "Each source point goes, with its class, to target points near it, so that all goes as cheaply as it can.",
        "every point has moved by less than what lies between the classes; the move may bend.",
        "shares differ, since all mass must go somewhere; or the nearest place belongs to the other class.",
        (Way("transport", "transport", "1nn"),),
    ),
    Family(
        "Learn a metric",
        "A few target labels say which pairs are of one class; a map of the source is learned that brings these near.",
        "a linear map undoes the shift, seen from the middle of all points; lengths are not compared, directions are.",
        "what tells the classes apart is how far a point is out and not in which direction, or three labels mislead.",
        (Way("itml", "itml", "1nn", {"asymmetric": True}, SHOTS),),
    ),
    Family(
        "Adapt the classifier",
        "The boundary itself is moved: by its own answers on the target, step by step (`dasvm`), or as little as a few "
        "target labels ask for (`asvm`).",
        "the source's boundary is right about most of the target near it; with labels, also where it is wrong.",
        "first answers are wrong about a whole region: these are then learned. A few labels say nothing of places far "
        "from them.",
        (
            Way("dasvm", "dasvm", "machine", cost=10.0),
            Way("asvm", "asvm", "machine", shots=SHOTS),
        ),
    ),
    Family(
        "Use a few labels",
        "Features are copied, once for both domains and once for each: a few target labels can then say what differs.",
        "a straight line is enough in each domain, and there are some labels of every class.",
        "a straight line is not enough, or the few labels lie askew. Without labels there is nothing to learn from.",
        (Way("easyadapt", "easyadapt", "svm", {}, SHOTS),),
    ),
    Family(
        "Lessen a discrepancy in a network",
        "A small network learns the classes while a distance of both domains' outputs is made small: here of their "
        "covariances.",
        "the domains differ in what is measured, and the classes already lie where they should.",
        "they differ in what is not measured, as a mean is not in covariances; or equal outputs can be had with the "
        "classes exchanged.",
        (Way("deep_coral", "deep_coral", "network"),),
    ),
    Family(
        "Deceive an adversary",
        "A second network tells source from target, and the first learns features from which it cannot.",
        "one change of the features brings each class onto its own, and shares are equal.",
        "classes can be laid on one another the wrong way round: the adversary is deceived just as well.",
        (Way("dann", "dann", "network"),),
    ),
    Family(
        "Renormalise",
        "Nothing is trained: each layer takes the target's mean and variance in place of the source's.",
        "points were moved or stretched as a whole: this is undone at once, exactly.",
        "shares differ or another part is seen: mean and variance are then right as they were, and what is "
        "“corrected” was no error.",
        (Way("adabn", "adabn", "network"),),
    ),
    Family(
        "Learn from its own answers",
        "The network is to be sure of each target point: of one class and no other (`mcc`), and in all classes, from "
        "the target alone (`shot`).",
        "the target falls into clusters, and most of each is answered rightly.",
        "a cluster is answered wrongly, as it then is with certainty; `shot` asks for equal shares, be they or not.",
        (Way("mcc", "mcc", "network"), Way("shot", "shot", "network")),
    ),
)  # fmt: skip


def ways() -> tuple[Way, ...]:
    """All methods, in order."""
    return tuple(way for family in FAMILIES for way in family.ways)
