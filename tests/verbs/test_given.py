"""What verbs take in Python beside paths, and what they say of what they do not take."""

from pathlib import Path

import numpy as np
import pytest

import regard
from regard.core.checks import InputError
from regard.data.imageset import ImageSet
from regard.verbs._given import given_images, given_source, named

SMALL = "random:convnet4"
RNG = np.random.default_rng(0)
Y = np.arange(40) % 2
X = (RNG.normal(size=(40, 5)) + 2 * Y[:, None]).astype(np.float32)
PIXELS = RNG.integers(0, 255, (12, 24, 24, 3), dtype=np.uint8)


def test_vectors_come_as_arrays_with_labels_or_as_embeddings() -> None:
    found = given_source("TRAIN", (X, Y))
    assert isinstance(found, regard.Embeddings) and found.labels is not None
    assert (found.vectors == X).all() and found.labels.tolist() == [str(one) for one in Y]
    assert given_source("TRAIN", found) is found
    assert given_source("TRAIN", X).labels is None
    both = regard.probe((X[:30], Y[:30]), (X[30:], Y[30:]), classifier=["knn"])
    named_alike = regard.probe(
        regard.Embeddings(X[:30], np.arange(30), Y[:30]), regard.Embeddings(X[30:], np.arange(30, 40), Y[30:])
    )
    assert both.metrics["knn"] == named_alike.metrics["knn"] and both.train == "array (30, 5)"


def test_what_embed_gives_goes_into_the_other_verbs() -> None:
    labels = np.arange(12) % 2
    held = regard.embed((PIXELS, labels), with_=SMALL, no_cache=True)
    assert held.vectors.shape == (12, 128) and held.labels is not None and held.out is None
    assert regard.shift(held, held, permutations=5).metrics["mmd2_linear"] < 1e-20
    with pytest.raises(InputError, match="IMAGES: expected images, got vectors .* vectors hold none"):
        regard.embed(held, with_=SMALL)


def test_images_come_with_labels() -> None:
    found = given_images("TRAIN", (PIXELS, ["a", "b"] * 6))
    assert isinstance(found, ImageSet) and found.classes == ["a", "b"]
    with pytest.raises(InputError, match="TRAIN: expected images, got vectors"):
        given_images("TRAIN", (X, Y))
    with pytest.raises(InputError, match="IMAGES: expected images"):
        regard.create(X, task="rotation", out="run")  # type: ignore[operator]


def test_a_target_in_memory_needs_no_file_for_its_predictions(tmp_path: Path) -> None:
    found = regard.adapt((X, Y), X + 1, method="coral")  # type: ignore[operator]
    assert found.found is None and len(found.predictions) == 40
    assert found.to_pandas().columns.tolist() == ["id", "label"] and "in memory" in str(found)
    np.savez(tmp_path / "t.npz", vectors=X, ids=np.arange(40))
    with pytest.raises(InputError, match="--out: expected a .csv file"):
        regard.adapt((X, Y), tmp_path / "t.npz", method="coral")  # type: ignore[operator]


def test_a_representation_that_was_never_saved_cannot_hold_a_classifier(tmp_path: Path) -> None:
    rep = regard.Representation.load(SMALL)
    rep.loaded_from = ""
    with pytest.raises(InputError, match="--with: expected a name or a folder"):
        regard.adapt((X, Y), (X, Y), method="coral", with_=rep, out=tmp_path / "run")  # type: ignore[operator]
    with pytest.raises(InputError, match="expected a name or a folder"):
        regard.export(rep, format_="timm", out=tmp_path / "run")


def test_events_pass_through_progress_with_a_title() -> None:
    seen = []

    def watch(events, title):
        for event in events:
            seen.append((title, event.kind))
            yield event

    regard.embed(PIXELS, with_=SMALL, no_cache=True, progress=watch)
    assert seen[-1] == ("embed", "done")


def test_arguments_are_named_in_results() -> None:
    assert named([Path("a.png"), Path("b.png")]) == "2 images" and named(Path("photos")) == "photos"
    assert named(regard.open_images("builtin:faces")) == "faces" and named(regard.Representation.load(SMALL)) == SMALL
