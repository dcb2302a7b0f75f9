"""One of each kind of thing that regard keeps, small, and a use of it that gives bytes to compare."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _hostile_folders import Kept, told
from PIL import Image

from regard.create.run import train, train_events
from regard.data.sources import open_images
from regard.learning.settings import TrainSettings
from regard.representation.embeddings import Embeddings
from regard.representation.pooled import Pooled
from regard.representation.pooling import vlad
from regard.representation.preprocess import Preprocess
from regard.representation.representation import Representation
from regard.representation.runner import Pixels
from regard.representation.transform.whitening import fit_whitening
from regard.representation.vector_cache import VectorCache
from regard.reuse.duplicates.groups import decide, read_decisions
from regard.reuse.finetune import classify, finetune, finetune_events
from regard.reuse.finetuned import FinetuneResult
from regard.reuse.search.index import snapshot
from regard.reuse.search.index.search_index import SearchIndex

SHORT: dict[str, Any] = {"device": "cpu", "precision": "fp32", "threads": 1}


def pictures(folder: Path, seed: int, n: int = 16) -> Path:
    """Small pictures of two classes."""
    rng = np.random.default_rng(seed)
    for index in range(n):
        path = folder / "ab"[index % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        wave = np.sin(np.arange(40) / (2 + 3 * (index % 2)) + rng.uniform(0, 6))[:, None, None] * 60 + 128
        Image.fromarray((wave + rng.normal(0, 20, (40, 40, 3))).clip(0, 255).astype(np.uint8)).save(path)
    return folder


def kinds(work: Path, seed: int, names: tuple[str, ...] = ()) -> list[Kept]:
    """Each kind, not made yet (`MAKERS`); `names` picks some."""
    images = pictures(work / "images", seed)
    first = sorted(images.rglob("*.png"))[:2]
    x = torch.from_numpy(np.random.default_rng(seed).integers(0, 255, (3, 3, 32, 32), dtype=np.uint8))
    made = [
        Kept("npz", work / "v.npz", vectors_of),
        Kept("parquet", work / "v.parquet", vectors_of),
        Kept("table", work / "t.csv", table_of, False),
        Kept("representation", work / "rep", partial(seen, x)),
        Kept("timm folder", work / "timm", partial(seen, x), False),
        Kept("run", work / "run", partial(of_run, images, x)),
        Kept("stopped run", work / "stopped", partial(going_on, images, x)),
        Kept("fine-tuned run", work / "tuned", partial(of_tuned, images, first)),
        Kept("index", work / "index", found_in),
        Kept("decisions", work / "decisions.json", lambda path: told(sorted(read_decisions(path).items())), False),
        Kept("vector cache", work / "vectors", from_cache),
        Kept("search cache", work / "search", partial(from_kept, work / "index")),
    ]
    return [one for one in made if not names or one.kind in names]


def _rep(seed: int) -> Representation:
    encoder = Representation.load(f"random:convnet4:{seed}").encoder
    x = torch.rand(12, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        pooled = Pooled("vlad", vlad.fit(encoder.last_map(x), k=2, dim=4, seed=seed))
        vectors = pooled(encoder, x).numpy()
    return Representation(encoder, Preprocess(32, 36), {"name": "whole"}, "", pooled, fit_whitening(vectors, dim=3))


def _vectors(seed: int, dim: int = 8) -> Embeddings:
    rng, n = np.random.default_rng(seed), 50
    columns = {"path": np.array([f"{i}.jpg" for i in range(n)]), "year": np.arange(n)}
    ids, labels = [f"image{i}" for i in range(n)], [f"class{i % 3}" for i in range(n)]
    return Embeddings(rng.normal(size=(n, dim)), ids, labels, {"representation": "r", "fingerprint": "f"}, columns)


def _make_table(path: Path, images: Path, seed: int) -> None:
    rows = [f"{file},{file.parent.name},{i}" for i, file in enumerate(sorted(images.rglob("*.png")))]
    path.write_text("\n".join(["path,label,id", *rows]) + "\n")


def _make_timm(path: Path, images: Path, seed: int) -> None:
    import timm
    from timm.models import save_for_hf

    torch.manual_seed(seed)
    save_for_hf(timm.create_model("test_resnet", num_classes=0), str(path), safe_serialization=True)


def _settings(steps: int, seed: int) -> TrainSettings:
    return TrainSettings(steps=steps, batch=4, seed=seed, **SHORT)


def _run_events(path: Path, images: Path) -> Any:
    return train_events(images, "rotation", out=path, settings=_settings(3, 0), size=32)


def _make_stopped(path: Path, images: Path, seed: int) -> None:
    settings = TrainSettings(steps=3, batch=4, checkpoint_steps=1, **SHORT)
    events = train_events(images, "rotation", out=path, settings=settings, size=32)
    for event in events:
        if event.kind == "checkpoint" and event.step >= 2:
            events.close()
            break


def _make_tuned(path: Path, images: Path, seed: int) -> None:
    finetune(images, None, "random:convnet4", out=path, settings=_settings(2, 0))


def _make_index(path: Path, images: Path, seed: int) -> None:
    SearchIndex.create(path, _vectors(seed))


def _make_decisions(path: Path, images: Path, seed: int) -> None:
    for i in range(6):
        decide(path, f"{i:032x}", f"{i + 7:032x}", ("same", "different")[i % 2])


def _make_cache(path: Path, images: Path, seed: int) -> None:
    cache = VectorCache("f" * 32, path)
    cache.put({f"{i:032x}": _vectors(i).vectors[0] for i in range(9)})
    cache.close()


def _make_kept(path: Path, images: Path, seed: int) -> None:
    index = SearchIndex.open(path.parent / "index") if (path.parent / "index").exists() else None
    if index is None:
        index = SearchIndex.create(path.parent / "index", _vectors(seed))
    os.environ["REGARD_CACHE"] = str(path)
    snapshot.opened(index.store, "cosine")


MAKERS: dict[str, Callable[[Path, Path, int], Any]] = {
    "npz": lambda path, images, seed: _vectors(seed).save(path) and None,
    "parquet": lambda path, images, seed: _vectors(seed).save(path) and None,
    "table": _make_table,
    "representation": lambda path, images, seed: _rep(seed).save(path) and None,
    "timm folder": _make_timm,
    "run": lambda path, images, seed: train(images, "rotation", out=path, settings=_settings(3, 0), size=32) and None,
    "stopped run": _make_stopped,
    "fine-tuned run": lambda path, images, seed: (
        finetune(images, None, "random:convnet4", out=path, settings=_settings(2, 0)) and None
    ),
    "index": _make_index,
    "decisions": _make_decisions,
    "vector cache": _make_cache,
    "search cache": _make_kept,
}


def vectors_of(path: Path) -> bytes:
    """All that a file of vectors holds."""
    e = Embeddings.load(path)
    columns = {key: value.tolist() for key, value in sorted(e.columns.items())}
    labels = None if e.labels is None else e.labels.tolist()
    return told(e.vectors, e.ids.tolist(), labels, columns, dict(e.card))


def table_of(path: Path) -> bytes:
    """What a table lists."""
    found = open_images(path)
    labels = None if found.labels is None else found.labels.tolist()
    return told([str(item) for item in found.items], np.asarray(found.ids).tolist(), labels)


def seen(x_NCHW: torch.Tensor, folder: Path) -> bytes:
    """The vectors of three pictures by a saved folder, in torch."""
    rep = Representation.load(folder)
    if not rep.loaded_from or not rep.fingerprint:
        raise AssertionError
    items = [rep.preprocess.apply(one) for one in x_NCHW]
    with torch.inference_mode():
        vectors = Pixels(rep.encoder, None, rep.pooled).eval()(torch.stack(items)).numpy()
    return told(vectors if rep.transform is None else rep.transform.apply(vectors))


def of_run(images: Path, x: torch.Tensor, folder: Path) -> bytes:
    """The vectors, and the figures that the same command gives again."""
    vectors = seen(x, folder)
    events = list(_run_events(folder, images))
    return vectors + told({k: v for k, v in events[-1].values.items() if k != "seconds"})


def going_on(images: Path, x: torch.Tensor, folder: Path) -> bytes:
    """The vectors once the run has gone on to its end."""
    settings = TrainSettings(steps=3, batch=4, checkpoint_steps=1, **SHORT)
    train(images, "rotation", out=folder, settings=settings, size=32)
    return seen(x, folder)


def of_tuned(images: Path, first: list[Path], folder: Path) -> bytes:
    """The result, that of the same command again, and the classes of two pictures."""
    found = FinetuneResult.load(folder)
    again = list(finetune_events(images, None, "random:convnet4", out=folder, settings=_settings(2, 0)))[-1]
    ids, chances, classes = classify(folder, first, cache=False, precision="fp32")
    figures = {k: v for k, v in found.metrics.items() if k != "seconds"}
    return told(figures, again.values, found.ids.tolist(), found.predictions.tolist(), chances.round(4), classes)


def found_in(folder: Path) -> bytes:
    """What is found for two queries."""
    index = SearchIndex.open(folder)
    hits = index.search(_vectors(1).vectors[:2], top=5)
    return told([[(hit.id, round(hit.score, 5), hit.label) for hit in one] for one in hits], len(index))


def from_cache(folder: Path) -> bytes:
    """Vectors from the cache, or made where it has none."""
    cache = VectorCache("f" * 32, folder)
    found = {}
    for i in range(9):
        vector = cache.get(f"{i:032x}")
        found[i] = _vectors(i).vectors[0] if vector is None else vector
    cache.put({"0" * 32: found[0]})
    cache.close()
    return told(*found.values())


def from_kept(index: Path, folder: Path) -> bytes:
    """What is found through the kept form of a collection."""
    os.environ["REGARD_CACHE"] = str(folder)
    opened = SearchIndex.open(index)
    collection = snapshot.opened(opened.store, "cosine")
    return told(list(collection.ids), np.asarray(collection.vectors[np.arange(5)]))
