"""What the built-in fitted representations share: PHOW, with a vocabulary made from photographs and kept beside this.

`vocabulary.safetensors` holds the tensors of each pooling as `NAME/TENSOR`, `vocabulary.json` its settings and how it
was made: `python -m regard.create.vocabulary FOLDER` writes both.
"""

from pathlib import Path

from ...backbones.encoder import make_encoder
from ...core.checks import bad
from ...core.records import anything, mapped, read_record, record, text, whole
from ...core.storage import load_tensors
from ..pooled import Pooled
from ..preprocess import Preprocess
from ..representation import Representation

TENSORS, CARD = "vocabulary.safetensors", "vocabulary.json"
HERE = Path(__file__).parent
_KEPT = record(
    size=whole(8, 4096),
    settings=mapped(anything),
    made_by=text,
    task=mapped(anything),
    training=mapped(anything),
    data=mapped(anything),
    scores=mapped(anything),
)


def built_in(name: str, rest: str) -> Representation:
    """The built-in representation of a pooling; there is one of each name."""
    if rest:
        raise bad("representation", repr(f"{name}:{rest}"), name, f"Of one's own images: regard create --task {name}.")
    known = read_record(HERE / CARD, {name: _KEPT})[name]
    tensors = {
        key.partition("/")[2]: value
        for key, value in load_tensors(HERE / TENSORS).items()
        if key.partition("/")[0] == name
    }
    pooled = Pooled.from_state({"name": name, "settings": known["settings"], "scales": [1.0]}, tensors)
    card = {key: known[key] for key in ("made_by", "task", "training", "data", "scores")}
    size = known["size"]
    return Representation(make_encoder("phow", size=size), Preprocess(size, size), {"name": name} | card, pooled=pooled)
