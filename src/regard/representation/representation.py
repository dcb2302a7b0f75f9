"""A representation: how pictures are prepared, the network that sees them, and the card that says where it is from.

A saved folder holds `config.json` and `model.safetensors` in timm's own form, so that
`timm.create_model("local-dir:FOLDER")` loads it too, `card.json`, and where vectors are pooled or whitened in a way of
their own `pooling.safetensors` and `transform.json` with its numbers. The card holds a checksum of each of them.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..backbones.layer_encoder import LayerEncoder
from ..backbones.network_encoder import NetworkEncoder
from ..core.checks import bad
from ..core.storage import hash_json, hash_tensors, save_tensors, write_json
from . import checksums
from .named import named
from .pooled import Pooled
from .preprocess import Preprocess
from .transform import saved
from .transform.saved import tensors_of
from .transform.steps import Step

if TYPE_CHECKING:
    from .embeddings import Embeddings

_OF_THE_WHOLE = ("classifier", "answers_by", "head", "scores", checksums.KEY, checksums.RESULTS)
VOCABULARY, CLASSIFIER = "pooling.safetensors", "classifier.safetensors"


@dataclass
class Representation:
    """Preprocessing, an encoder, and a card of plain values: how it was made, from what, at what cost.

    Attributes:
        pooled: how the last map becomes a vector; None: as the network does it.
        transform: what is done to vectors then, whitening mostly; None: nothing.
        loaded_from: the name or folder that `load` was given, to load the same again.
    """

    encoder: NetworkEncoder
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
        if norm := self.encoder.config.get("norm"):  # so may these
            steps["norm"] = norm
        if self.encoder.ends:
            steps["layer"] = self.encoder.ends
        return hash_json(steps | {key: self.encoder.config[key] for key in ("mean", "std")})

    @property
    def name(self) -> str:
        """What to call it in a table."""
        return str(self.card.get("name") or self.encoder.name)

    @property
    def folder(self) -> Path | None:
        """The folder that it was loaded from, also where a layer was named behind it; None where there is none."""
        named = self.loaded_from
        for name in (named, named.removesuffix(f"@{self.encoder.ends}")):
            if name and Path(name).is_dir():
                return Path(name)
        return None

    def at(self, layer: str | int) -> "Representation":
        """The same that ends at a layer: its vector is the layer's, and so is its last map; the network is shared.

        Args:
            layer: by its name in the network or in the literature (`layer3.1`, `blocks.11`, `conv5`, `fc7`), or the
                place of a map (`2`, `-1`). A map is averaged over its cells, tokens without those of class and
                registers; a vector is taken as it is.

        Raises:
            InputError: no such layer, or a representation that pools, whitens or ends at a layer already.
        """
        if self.pooled or self.transform:
            got = f"{layer!r} of {self.name}, which pools or whitens its last map"
            raise bad("--layer", got, "a layer of a representation that does not", "Use the one it was made of.")
        encoder = LayerEncoder(self.encoder, layer)
        # of the whole network: its classifier and head, and what it scored
        own = {key: value for key, value in self.card.items() if key not in _OF_THE_WHOLE}
        card = own | {"name": f"{self.name}@{encoder.ends}", "layer": encoder.ends}
        name = f"{self.loaded_from}@{encoder.ends}" if self.loaded_from else ""
        return replace(self, encoder=encoder, card=card, loaded_from=name)

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
        if norm := self.encoder.config.get("norm"):
            own["norm"] = norm
        vocabulary: dict[str, Tensor] = {}
        if self.encoder.ends:
            own["layer"] = self.encoder.ends
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
                `timm:NETWORK` or `torchvision:NETWORK` (with published weights, which are fetched), or a folder. Other
                packages add libraries (`LIBRARY:NETWORK`) and kinds of names by the entry points `regard.library` and
                `regard.representation`. `NAME@LAYER` is the one that ends at a layer; see `at`.
            device: where the network goes.

        Raises:
            InputError: unknown name, a folder without config.json and model.safetensors, weights that do not fit, or
                a file that is not as the card's checksum says. A folder without checksums (written by timm, or by an
                earlier version) is taken as it is.
        """
        return named(name, device)


def _plain(shape: tuple[int, int]) -> int | list[int]:
    return shape[0] if shape[0] == shape[1] else list(shape)
