"""Is a small thing in a photograph found by the vectors of regions, and not by the vector of the whole?

The collection: 400 views of the photographs that ship with scikit-learn and scikit-image, and with each query one more
that has the queried thing pasted in, 15 to 40 % of the short side, anywhere. Parts: the thing is a piece of another
photograph, and the query a smaller cut of the same place, lit otherwise. With DATA (icons in folders `styles/flat` and
`styles/render3d`) also icons, which the query shows before another background, turned by up to 10 degrees, at another
size. Images that show the query's photograph elsewhere are neither right nor wrong and taken out.

Settings (pooling, size, levels, whitening, the query's vectors) were chosen on one half of the icons and photographs
(--half 0); the figures are those of the other half. Intervals are over queries.

Bar: regions find more first than whole images do, whitened or not.

    python bench/search_regions.py [--data FOLDER] [--half 1] [--each 48] [--views 400] [--out FILE.json]

About five minutes on two cores.
"""

import argparse
import tempfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from _table import finish
from PIL import Image

from regard.data.builtin import photos
from regard.data.imageset import ImageSet
from regard.metrics.contrast import contrast
from regard.metrics.intervals import accuracy_interval
from regard.representation.embed import embed
from regard.representation.transform.whitening import fit_whitening
from regard.reuse.search.index.contents import with_contents
from regard.reuse.search.index.search_index import SearchIndex
from regard.reuse.search.regions.search import RegionSearch
from regard.reuse.search.regions.step import in_step

_SIZES = ((480, 360), (360, 480), (400, 400), (560, 315))
_THINGS = "china flower astronaut chelsea coffee hubble_deep_field ihc motorcycle_left retina rocket camera coins"


@dataclass
class Made:
    """Pictures of the collection and which photographs each shows; queries with kind, target and photograph."""

    items: list[np.ndarray] = field(default_factory=list)
    shows: list[set[str]] = field(default_factory=list)
    queries: list[tuple[str, np.ndarray, int, str]] = field(default_factory=list)


def main() -> int:
    """Make the pictures, search in three ways, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--half", type=int, default=1)
    parser.add_argument("--each", type=int, default=48)
    parser.add_argument("--views", type=int, default=400)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rng = np.random.default_rng([0, options.half])
    names = {path.stem: Image.open(path).convert("RGB") for path in map(Path, map(str, photos().items))}
    made = Made()
    for _ in range(options.views):
        picture, name = view(names, rng, _SIZES[rng.integers(4)])
        made.items.append(np.asarray(picture))
        made.shows.append({name})
    for kind in ("flat", "render3d") if options.data else ():
        files = sorted((options.data / "styles" / kind).rglob("*.png"))
        files = [file for file in files if zlib.crc32(file.stem.encode()) % 2 == options.half]
        for place in rng.permutation(len(files))[: options.each]:
            icon(made, names, rng, files[place], kind)
    mine = [name for place, name in enumerate(_THINGS.split()) if name in names and place % 2 == options.half]
    for place in range(options.each):
        part(made, names, rng, mine[place % len(mine)])
    with tempfile.TemporaryDirectory() as folder:
        ranks = searched(made, Path(folder))
    return finish("search_regions", rows(made, ranks), options.out)


def searched(made: Made, folder: Path) -> dict[str, np.ndarray]:
    """The place (from 0) at which each query finds its picture, by the way to search."""
    (folder / "images").mkdir()
    for place, pixels in enumerate(made.items):
        Image.fromarray(pixels).save(folder / f"images/{place:05}.png")
    whole = embed(folder / "images")
    asked = ImageSet([query[1] for query in made.queries], np.arange(len(made.queries)).astype(str))
    vectors = embed(asked).vectors
    whiten = fit_whitening(whole.vectors)
    index = SearchIndex.create(folder / "index", with_contents(whole))
    in_step(index)
    hits = RegionSearch(index).search_images(asked, len(whole))
    scores = np.zeros((len(asked), len(whole)))
    for row, found in enumerate(hits):
        for hit in found:
            scores[row, int(Path(hit.id).stem)] = hit.score
    return {
        "whole images": ranked(made, unit(vectors) @ unit(whole.vectors).T),
        "whole images, whitened": ranked(made, whiten.apply(vectors) @ whiten.apply(whole.vectors).T),
        "regions": ranked(made, scores),
    }


def ranked(made: Made, scores_QN: np.ndarray) -> np.ndarray:
    found = []
    for row, (_, _, target, photo) in zip(scores_QN, made.queries):
        kept = [place for place, shows in enumerate(made.shows) if photo not in shows or place == target]
        found.append(int((row[kept] > row[target]).sum()))
    return np.array(found)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def rows(made: Made, ranks: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    kinds = np.array([query[0] for query in made.queries])
    table: list[dict[str, Any]] = []
    for top in (1, 10):
        for way, places in ranks.items():
            found = accuracy_interval(places < top)
            table.append(_row(f"recall@{top}, {way}", found))
            if len(set(kinds)) > 1:
                for kind in dict.fromkeys(kinds):
                    share = float((places[kinds == kind] < top).mean())
                    table.append({"what": f"  {kind}", "value": share, "unit": f"{(kinds == kind).sum()} queries"})
    for way in ("whole images", "whole images, whitened"):
        gain = contrast((ranks["regions"] < 1).astype(float), (ranks[way] < 1).astype(float))
        table.append(_row(f"regions against {way} ({gain.verdict})", gain) | {"at_least": 1e-9})
    return table


def _row(what: str, found: Any) -> dict[str, Any]:
    return {"what": what, "value": found.mean, "unit": found.told()}


def view(names: dict[str, Any], rng: np.random.Generator, size: Any, other_than: str = "") -> tuple[Any, str]:
    """A part of a photograph at some size, and which photograph it is of."""
    name = str(rng.choice([one for one in names if one != other_than]))
    width = min(names[name].width, names[name].height * size[0] / size[1]) * rng.uniform(0.5, 1)
    return cut(names[name], rng, size, width, width * size[1] / size[0]), name


def cut(picture: Any, rng: np.random.Generator, size: Any, width: float, height: float) -> Any:
    left, top = rng.uniform(0, picture.width - width), rng.uniform(0, picture.height - height)
    return picture.resize(size, Image.Resampling.BICUBIC, (left, top, left + width, top + height))


def lit(picture: Any, rng: np.random.Generator) -> np.ndarray:
    return np.clip(np.asarray(picture) * rng.uniform(0.8, 1.2), 0, 255).astype(np.uint8)


def put(made: Made, names: Any, rng: np.random.Generator, thing: Any, size: Any, photo: str) -> str:
    """Paste a thing into a view and add that to the collection; which photograph the view is of."""
    shape = _SIZES[rng.integers(4)]
    ground, name = view(names, rng, shape, photo)
    side = rng.uniform(0.15, 0.4) * min(shape)
    wide, high = int(side * size**0.5), int(side / size**0.5)
    small = thing.resize((wide, high), Image.Resampling.LANCZOS)
    place = int(rng.integers(shape[0] - wide)), int(rng.integers(shape[1] - high))
    ground.paste(small, place, small if small.mode == "RGBA" else None)
    made.items.append(np.asarray(ground))
    made.shows.append({name, photo})
    return name


def icon(made: Made, names: Any, rng: np.random.Generator, file: Path, kind: str) -> None:
    thing = Image.open(file).convert("RGBA")
    ground = put(made, names, rng, thing, 1.0, "")
    side = int(rng.uniform(60, 160))
    margin = side // 10
    other, _ = view(names, rng, (side + 2 * margin,) * 2, ground)
    turned = thing.resize((side, side), Image.Resampling.LANCZOS).rotate(rng.uniform(-10, 10), Image.Resampling.BICUBIC)
    other.paste(turned, (margin, margin), turned)
    made.queries.append((kind, lit(other, rng), len(made.items) - 1, "nothing"))


def part(made: Made, names: Any, rng: np.random.Generator, photo: str) -> None:
    side, shape = rng.uniform(0.3, 0.5) * min(names[photo].size), rng.uniform(0.7, 1.4)
    width, height = round(side * shape**0.5), round(side / shape**0.5)
    thing = cut(names[photo], rng, (width, height), width, height)
    put(made, names, rng, thing, shape, photo)
    zoom = rng.uniform(80, 200) / max(width, height)
    size = max(8, int(0.85 * width * zoom)), max(8, int(0.85 * height * zoom))
    made.queries.append(
        ("parts", lit(cut(thing, rng, size, 0.85 * width, 0.85 * height), rng), len(made.items) - 1, photo)
    )


if __name__ == "__main__":
    raise SystemExit(main())
