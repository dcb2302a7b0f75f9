"""Networks and configurations of timm, through regard's whole path, against timm's own transform and forward.

One small network of each of timm's families with random weights, written by timm's `save_for_hf` in several ways (kinds
of pooling and crop, crops above 1, other shapes of the input), then embedded in fp32. Each either equals timm (cosine
at least .9999) or is refused by the name of a key; none differs silently. Maps of each network: plain, or one sentence.

Both resize in 8 bits, and a pixel in some ten thousand comes out two levels apart. A network of random weights without
normalisation can make more of that than the bar allows; such a case is counted by itself, and only where no pixel is
further apart and timm's own pixels give timm's own vectors.

    make bench-foreign
"""

import argparse
import json
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from _table import finish
from PIL import Image
from timm.data import create_transform, resolve_data_config
from timm.models import list_modules, save_for_hf

from regard.backbones.encoder import Encoder
from regard.core.checks import InputError
from regard.representation.embed import embed
from regard.representation.representation import Representation

MOST = 60_000_000  # weights of a network that is tried
SMALL = (
    "test_",
    "atto",
    "femto",
    "pico",
    "nano",
    "xxs",
    "xx_small",
    "tiny",
    "_ti",
    "micro",
    "mini",
    "_s",
    "small",
    "18",
)
POOLS = ("max", "avgmax", "catavgmax", "token", "map", "avg", "")
ROUNDING = "equal but for the rounding of the resize, to which the network is sensitive"
KEYS: tuple[dict[str, Any], ...] = (
    {"crop_mode": "squash", "crop_pct": 0.9},
    {"crop_mode": "border", "mean": [0.3, 0.5, 0.6]},
    {"crop_pct": 1.2, "interpolation": "bilinear"},
    {"std": [0.5, 0.1, 0.3], "interpolation": "lanczos"},
)


def smallest(module: str) -> str | None:
    """A small network of a family: the fewest weights among a few whose names promise that; None: all are large."""
    found = {}
    ranked = sorted(
        timm.list_models(module=module), key=lambda n: next((i for i, word in enumerate(SMALL) if word in n), 99)
    )
    for name in ranked[:3]:
        try:
            with torch.device("meta"):
                found[name] = sum(one.numel() for one in timm.create_model(name, num_classes=0).parameters())
        except Exception:  # some draw their weights in ways that need memory
            found[name] = MOST
    best = min(found, key=lambda name: found[name]) if found else None
    return best if best and found[best] <= MOST else None


def variants(name: str, place: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Arguments of the network and keys of its configuration."""
    yield {}, KEYS[place % len(KEYS)]
    default = timm.get_pretrained_cfg(name)
    sides = default.input_size[1:]
    pools = POOLS if name.startswith("test_") else (POOLS[place % len(POOLS)],)
    for turn, pool in enumerate(pools):
        yield {"global_pool": pool}, KEYS[(place + turn) % len(KEYS)]
    if default.fixed_input_size:
        yield {"img_size": [sides[0], 2 * sides[1]]}, {}
        yield {"img_size": sides[0] // 2}, {}
    else:
        yield {}, {"input_size": [3, sides[0], sides[1] + 64], "crop_mode": "squash"}


def main() -> int:
    """Run all, print the table, and return 1 where a figure falls short."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--families", nargs="*", default=None)
    parser.add_argument("--seconds", type=float, default=3600, help="begin no family after this")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    worst, begun, silent = 1.0, time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        pictures = drawn(Path(folder) / "pictures")
        for place, module in enumerate(args.families or list_modules()):
            if time.monotonic() - begun > args.seconds:
                counts["families left out for time"] += 1
                continue
            name = smallest(module)
            if name is None:
                counts["families too large"] += 1
                continue
            counts["families"] += 1
            for turn, (arguments, keys) in enumerate(variants(name, place)):
                kind, cosine = tried(Path(folder) / f"{name}-{turn}", name, arguments, keys, pictures, turn == 0)
                counts[kind] += 1
                if cosine is not None and kind != ROUNDING:
                    worst = min(worst, cosine)
                if kind in ("different", ROUNDING):
                    silent.append((name, arguments, keys, cosine))
                print(name, arguments, keys, kind, cosine, flush=True)
            kind = maps_of(name)
            counts[f"maps: {kind}"] += 1
            print(name, "maps:", kind, flush=True)
    rows = [{"what": what, "value": count} for what, count in sorted(counts.items())]
    rows.append({"what": "different from timm, without a word", "value": counts["different"], "at_most": 0})
    rows.append({"what": "smallest cosine to timm's vectors", "value": worst, "at_least": 0.9999})
    for one in silent:
        print("APART", *one)
    return finish("foreign", rows, args.out)


def drawn(folder: Path) -> Path:
    """Two pictures of odd shapes."""
    folder.mkdir()
    y, x = np.mgrid[0:190, 0:233]
    for i in range(2):
        parts = [np.sin(x / (7 + i) + y / 31), np.cos(y / (9 + i)), np.sin((x + y) / (13 + 2 * i))]
        pixels = (np.stack(parts, -1) * 100 + 128).astype(np.uint8)[: 190 - 60 * i]
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


def tried(
    folder: Path, name: str, arguments: dict[str, Any], keys: dict[str, Any], pictures: Path, whole: bool
) -> tuple[str, float | None]:
    """`equal`, `different`, `refused: KEY`, or `timm: ...` where timm itself cannot; and the cosine."""
    torch.manual_seed(0)
    try:
        made = timm.create_model(name, **arguments)
        save_for_hf(made, str(folder), model_args=arguments, safe_serialization=True)
        config = json.loads((folder / "config.json").read_text())
        config["pretrained_cfg"].update(keys)
        (folder / "config.json").write_text(json.dumps(config))
        network = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0).eval()
        transform = create_transform(**resolve_data_config({}, model=network), is_training=False)
        x = torch.stack([transform(Image.open(one)) for one in sorted(pictures.iterdir())])
        with torch.inference_mode():
            expected = network(x).numpy()
    except Exception as error:
        expected = None
        reason = f"timm itself cannot ({type(error).__name__})"
    try:
        # the graph of OpenVINO once a family, which costs a trace; torch for the other ways
        vectors = (
            embed(pictures, folder, precision="fp32", cache=False).vectors if whole else by_torch(folder, pictures)
        )
    except InputError as error:
        if expected is None:
            return reason, None
        key = next((key for key in (*arguments, *keys) if key in str(error)), f"no key: {error}")
        return f"refused: {key}", None
    except OSError:
        return reason, None
    if expected is None:
        return f"{reason}, regard can", None
    if vectors.shape != expected.shape:
        return "different", 0.0
    norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(expected, axis=1)
    cosine = float(((vectors * expected).sum(1) / norms).min())
    if cosine >= 0.9999:
        return "equal", cosine
    return ("different" if apart(folder, pictures, network, x, expected) else ROUNDING), cosine


def apart(folder: Path, pictures: Path, network: Any, x: torch.Tensor, expected: np.ndarray) -> bool:
    """Whether pixels are over two levels from timm's, or timm's own pixels give other vectors than timm's."""
    rep, config = Representation.load(folder), resolve_data_config({}, model=network)
    mean, std = (torch.tensor(config[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    theirs = (x * std + mean).clamp(0, 1)
    with torch.inference_mode():
        vectors = rep.encoder(theirs).numpy()
    norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(expected, axis=1)
    levels = 255 * (theirs - prepared(rep, pictures)).abs().max()
    return bool(levels > 2.01 or ((vectors * expected).sum(1) / norms).min() < 0.9999)


def prepared(rep: Representation, pictures: Path) -> torch.Tensor:
    """The pictures as the network gets them, (n, 3, H, W) in [0, 1]."""
    from regard.data.decode import decode

    steps = rep.preprocess
    return (
        torch.stack([steps.apply(decode(one, steps.decode_side)) for one in sorted(pictures.iterdir())]).float() / 255
    )


def by_torch(folder: Path, pictures: Path) -> np.ndarray:
    """The vectors as torch computes them, without a graph."""
    rep = Representation.load(folder)
    with torch.inference_mode():
        return rep.encoder(prepared(rep, pictures)).numpy()


def maps_of(name: str) -> str:
    """`plain`, or `a sentence`; anything else is an error that ends the run."""
    encoder: Encoder = Representation.load(f"random:timm:{name}").encoder
    if encoder.no_maps:
        return "a sentence"
    with torch.inference_mode():
        x = torch.rand(1, 3, *encoder.input_shape, generator=torch.Generator().manual_seed(0))
        maps, last, tokens = encoder.maps(x), encoder.last_map(x), encoder.tokens(x)
    assert all(one.ndim == 4 for one in maps) and last.ndim == 4
    assert tokens.shape == (1, last.shape[2] * last.shape[3], last.shape[1])
    return "plain"


if __name__ == "__main__":
    raise SystemExit(main())
