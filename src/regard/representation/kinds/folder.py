"""A folder: what `create` and `finetune` write, what `Representation.save` wrote, or timm's `save_for_hf`."""

from pathlib import Path
from typing import Any

import torch

from ...backbones.encoder import read_encoder
from ...backbones.layer_encoder import LayerEncoder
from ...backbones.network_encoder import NetworkEncoder
from ...core.checks import bad
from ...core.reading import check_plain
from ...core.storage import load_tensors
from .. import checksums
from ..folder_records import read_card, read_config, steps_of
from ..named import NameKind
from ..pooled import Pooled
from ..representation import VOCABULARY, Representation
from ..transform import saved
from ._common import own_steps


def load(rest: str) -> Representation:
    """The representation that a folder holds; where its card has checksums, they are compared."""
    folder = Path(rest).expanduser()
    for name in ("config.json", "model.safetensors"):
        if not (folder / name).exists():
            raise bad("representation", f"the folder {str(folder)!r} without {name}", "a folder made by `create`")
        check_plain(folder / name, "a file that `create` made")
    config = read_config(folder)
    card = _card(folder, config)
    ours, cfg = config.get("regard") or {}, config.get("pretrained_cfg") or {}
    encoder = read_encoder(folder)
    tensors = load_tensors(folder / "model.safetensors")
    own = encoder.network.state_dict()
    given = {key: value for key, value in tensors.items() if key in own}
    if set(given) != set(own) or any(own[key].shape != value.shape for key, value in given.items()):
        raise bad(
            str(folder), f"weights of another network than {config['architecture']}", "weights that fit config.json"
        )
    encoder.network.load_state_dict(given)
    if encoder.name.startswith("torchvision:"):  # timm's are read with all else
        for key, buffer in (("mean", encoder.mean), ("std", encoder.std)):
            if key in cfg:
                buffer.copy_(torch.tensor(cfg[key]).view_as(buffer))
                encoder.config[key] = tuple(cfg[key])
    if ours.get("layer") is not None:
        encoder = LayerEncoder(encoder, ours["layer"])
    steps = ours.get("preprocess")
    preprocess = steps_of(folder, steps) if steps else own_steps(encoder)
    transform = saved.load(folder) if (folder / saved.CARD).exists() else None
    pooled = _pooled(folder, ours, encoder)
    return Representation(encoder, preprocess, card, "", pooled, transform)


def _card(folder: Path, config: object) -> dict[str, Any]:
    """The card of a folder whose files are as it says; of one that timm wrote, which has none, its name."""
    if (folder / "card.json").exists():
        card = read_card(folder)
        checksums.check_folder(folder, card, ("config.json", "model.safetensors", VOCABULARY, saved.CARD))
        return card
    if isinstance(config, dict) and "regard" in config:  # the card is written last
        missing = f"the folder {str(folder)!r} without card.json, so it is not whole"
        raise bad("representation", missing, "a folder as it was saved", checksums.AGAIN)
    return {"name": folder.name}


def _pooled(folder: Path, ours: dict[str, Any], encoder: NetworkEncoder) -> Pooled | None:
    if ours.get("pooling") is None:
        return None
    path = folder / VOCABULARY
    made = Pooled.from_state(ours["pooling"], load_tensors(path) if path.exists() else {})
    try:  # settings and a vocabulary are looked at where they are used
        made.method(torch.ones(1, encoder.feature_info[-1].channels if encoder.feature_info else 1, 2, 2))
    except Exception as error:
        raise bad(f"{folder}: pooling", f"{made.name} that fails ({error})", "a pooling as it was saved") from None
    return made


Method = NameKind(load)
