"""The arms of a comparison: what `--with` names, as networks by seed, and what making them took.

`random` is the network of the first arm that is not random, at that arm's input size, its weights drawn anew for each
seed; `random:NETWORK` is another. Two of them are different draws. An arm of several runs of one recipe (`A=RUN1`,
`A=RUN2`) takes them in turn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.checks import bad
from ...core.runtime import derive_seed
from ...data.decode import DecodeError, decode
from ...data.imageset import ImageSet
from ...learning.learned import DRAWN
from ...learning.look import pick_size
from ...representation.preprocess import Preprocess
from ...representation.representation import Representation
from ...representation.untrained import random_arm

RANDOM = "random"
NETWORK = "convnet4"  # of `random`, where every arm is
_LOOKED = 32  # pictures that tell how large an input must be, where no arm does
Given = Representation | str | Path


@dataclass(frozen=True)
class Entrant:
    """One arm.

    Attributes:
        name: short, of letters, digits and underscores.
        what: in words.
        runs: its representations, taken in turn by the seeds; of a random arm one, whose weights are drawn anew.
        drawn: a seed of its draws of weights; None for an arm that is not random.
    """

    name: str
    what: str
    runs: tuple[Representation, ...]
    drawn: int | None = None

    def of_seed(self, place: int) -> Representation:
        """The representation of the `place`-th seed."""
        if self.drawn is None:
            return self.runs[place % len(self.runs)]
        return random_arm(self.runs[0], derive_seed(self.drawn, "weights", place) % 2**31)

    @property
    def varies(self) -> bool:
        """Whether seeds have other weights."""
        return self.drawn is not None or len(self.runs) > 1

    @property
    def minutes(self) -> float | None:
        """Minutes of pretraining, the mean over its runs, as their cards count them; None where one does not tell.

        Those of what a run went on from are not in its card: `minutes_before` says whether there is such.
        """
        if self.drawn is not None:
            return 0.0
        found = [_minutes(rep) for rep in self.runs]
        return None if any(one is None for one in found) else float(np.mean([one or 0.0 for one in found]))

    @property
    def minutes_before(self) -> bool:
        """Whether its runs went on from something whose own minutes are not counted."""
        return any(isinstance(rep.card.get("parent"), Mapping) for rep in self.runs)


def entrants(given: Sequence[Given | tuple[str, Given]], images: ImageSet, seed: int) -> dict[str, Entrant]:
    """The arms by name, in their order.

    Args:
        given: names, folders, `Representation`s, `NAME=...` or (name, ...) of what is to have a name of its own; a name
            that is given again adds a run to its arm.
        images: TRAIN, whose pictures tell how large an input must be, where no arm does.
        seed: of random weights.

    Raises:
        InputError: fewer than two arms, a name that is none, or as `Representation.load`.
    """
    named: dict[str, list[Given]] = {}
    for one in given:
        name, what = one if isinstance(one, tuple) else _parted(one)
        if name and not is_name(name):
            raise bad("--with", repr(name), "a name of letters, digits and underscores", "Such as A=runs/simclr.")
        if name in named and not _is_random(what) and isinstance(one, tuple | str) and name:
            named[name].append(what)
            continue
        base = name or _called(what)
        fresh, number = base, 2
        while fresh in named:
            fresh, number = f"{base}_{number}", number + 1
        named[fresh] = [what]
    if len(named) < 2:
        raise bad("--with", f"{len(named)} representation(s)", "at least two: what is asked about, and a baseline")
    loaded = {name: [_opened(one) for one in several] for name, several in named.items()}
    first = next((reps[0] for reps in loaded.values() if reps[0] is not None), None)
    like = first or _smallest(images)
    found = {}
    for place, (name, several) in enumerate(named.items()):
        reps = loaded[name]
        if reps[0] is None:
            network = str(several[0]).partition(":")[2] or like.encoder.name
            own = like if network == like.encoder.name else Representation.load(f"random:{network}")
            words = f"{network}, weights as they are drawn"
            found[name] = Entrant(name, words, (own,), derive_seed(seed, "random arm", place))
            continue
        runs = tuple(rep for rep in reps if rep is not None)
        prints = [rep.fingerprint for rep in runs]
        if len(set(prints)) < len(prints):
            raise bad("--with", f"the same weights twice for {name}", "runs with different seeds")
        made = str(runs[0].card.get("made_by") or runs[0].name)
        found[name] = Entrant(name, made if len(runs) == 1 else f"{made}; {len(runs)} runs", runs)
    return found


def is_name(text: str) -> bool:
    """Whether a text is letters, digits and underscores of ASCII."""
    return text.isascii() and text.replace("_", "a").isalnum()


def _parted(one: Given) -> tuple[str, Given]:
    """`NAME=REP` in two; a path may hold a `=` of its own where what stands before it is no name."""
    if not isinstance(one, str):
        return "", one
    name, equals, rest = one.partition("=")
    return (name, rest) if equals and is_name(name) else ("", one)


def _called(one: Given) -> str:
    if _is_random(one):
        return RANDOM
    text = (one.loaded_from or one.name) if isinstance(one, Representation) else str(one)
    text = Path(text).name
    short = "".join(c if c.isalnum() and c.isascii() else "_" for c in text.lower()).strip("_")
    return short or "other"


def _is_random(one: Given) -> bool:
    """`random` or `random:NETWORK`; with a seed it is a network like any other."""
    text = str(one)
    if isinstance(one, Representation) or text.partition(":")[0] != RANDOM:
        return False
    return not text.rpartition(":")[2].isdigit()


def _opened(one: Given) -> Representation | None:
    """A representation; None for weights that are drawn for each seed."""
    if isinstance(one, Representation):
        return one
    if _is_random(one):
        return None
    path = Path(str(one)).expanduser()
    if path.is_dir() and not (path / "config.json").is_file():
        fix = "`regard create --out FOLDER` makes one; a run that was stopped goes on with the same command."
        raise bad("--with", f"{str(one)!r}, which holds no finished representation", "the folder of a run", fix)
    return Representation.load(one)


def _smallest(images: ImageSet) -> Representation:
    """ConvNet-4 at a size that fits the pictures, as `create` would take it."""
    sides = []
    for row in np.unique(np.linspace(0, len(images) - 1, _LOOKED).astype(int)):
        try:
            sides.append(min(decode(images.items[row]).shape[1:]))
        except DecodeError:
            continue
    size = pick_size(int(np.median(sides))) if sides else 64
    plain = Representation.load(f"random:{NETWORK}")
    return Representation(plain.encoder, Preprocess(size, size), plain.card)


def _minutes(rep: Representation) -> float | None:
    if str(rep.card.get("made_by", "")) == DRAWN:
        return 0.0
    cost = rep.card.get("cost")
    seconds = cost.get("seconds") if isinstance(cost, Mapping) else None
    return float(seconds) / 60 if isinstance(seconds, int | float) else None
