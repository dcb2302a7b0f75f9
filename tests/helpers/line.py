"""A line of representations with accuracies that are told, without any training."""

import numpy as np

from regard.studies.experiment import Arm, Experiment
from regard.studies.history_found import MAIN, Facts, History
from regard.studies.history_years import asked_rows

IMAGES = 400


def line(levels: dict[str, float], *, seeds: int = 3, each: int = 1, random: float = 0, imagenet: float = 0) -> History:
    """Rows with these accuracies; `each` pictures are of one thing, and references are there where they are above 0."""
    rng = np.random.default_rng(0)
    hard = np.repeat(rng.permutation(IMAGES // each) / (IMAGES // each), each)

    def drawn(level: float) -> np.ndarray:
        return (hard + 0.02 * rng.standard_normal((seeds, IMAGES)) < level).astype(float)

    rows = tuple(row for row in asked_rows("all") if row.name in levels)
    titles = {row.name: row.title for row in rows}
    arms = {name: Arm(name, {MAIN: drawn(level)}, titles[name], 3.0, 500.0) for name, level in levels.items()}
    arms |= {"random": Arm("random", {MAIN: drawn(random)})} if random else {}
    arms |= {"imagenet": Arm("imagenet", {MAIN: drawn(imagenet)[0]})} if imagenet else {}
    facts = {
        name: Facts(10_000 * place, 2_000_000 * place, place, 3.0 * place, 500.0, 0.5, 0.002, {"0.002": 0.5})
        for place, name in enumerate(arms, 1)
    }
    about = {
        "train_set": "digits",
        "test_set": "digits",
        "pictures": {"train": 100, "test": IMAGES},
        "classes": 10,
        "steps": 600,
        "minutes": None,
        "batch": 64,
        "rates": [0.002, 0.0005],
        "size": 32,
        "precision": "bf16",
        "seeds": list(range(seeds)),
        "device": "cpu",
    }
    units = None if each == 1 else np.repeat(np.arange(IMAGES // each), each)
    ordered = {name: arms[name] for name in [*(row.name for row in rows), *(n for n in arms if n not in levels)]}
    references = tuple(name for name in ordered if name not in levels)
    return History(Experiment(ordered, units), rows, references, facts, 0.1, {}, about, ("a <note>",), 9.0)
