"""Makes the vocabulary of the built-in `fisher` and `bag_of_words` from photographs.

`python -m regard.create.vocabulary FOLDER` writes the two files of `representation/kinds/`: 400 crops of
256 pixels from the built-in photographs (`photo_crops`), seed 0, as `regard create` fits them; a tenth of the crops is
held out, for the scores on the card alone. Crops overlap, so that these scores say little of other photographs.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor

from ..core.storage import save_tensors, write_json
from ..data.builtin import photo_crops
from ..learning.settings import TrainSettings
from ..representation.kinds._vocabulary import CARD, TENSORS
from .run import train

CROPS, SIDE = 400, 256
SETTINGS: dict[str, dict[str, Any]] = {"fisher": {"k": 64}, "bag_of_words": {"k": 256}}


def make(folder: Path, crops: int = CROPS, side: int = SIDE, **more: Any) -> None:
    """Fit both to crops, and write `vocabulary.safetensors` and `vocabulary.json`.

    Args:
        folder: where they go.
        crops: how many.
        side: of them in pixels.
        more: settings of both tasks, other than the built-in ones have.
    """
    tensors: dict[str, Tensor] = {}
    cards = {}
    for name, own in SETTINGS.items():
        with TemporaryDirectory() as place:
            settings = TrainSettings(device="cpu")
            images = photo_crops(crops, side, seed=0)
            made = train(images, name, out=Path(place) / name, settings=settings, method=own | more, size=side)
        assert made.pooled is not None
        state, parts = made.pooled.state()
        tensors |= {f"{name}/{key}": value.float() for key, value in parts.items()}
        card = {key: made.card[key] for key in ("made_by", "task", "training", "data", "scores", "made_with")}
        card["made_by"] += ": crops of the photographs that ship with scikit-learn and scikit-image"
        cards[name] = card | {"size": side, "settings": state["settings"]}
    save_tensors(folder / TENSORS, tensors, seal=True)
    write_json(folder / CARD, cards)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
