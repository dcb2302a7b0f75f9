"""Sets of labelled images that are odd: a message that says what to do, or the right answer."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard.core.checks import InputError
from regard.create.run import train
from regard.create.selection import Selection
from regard.data.imageset import ImageSet
from regard.learning.settings import TrainSettings
from regard.reuse.predict import predict

SHORT = TrainSettings(steps=3, batch=8, precision="fp32", device="cpu")


def picture(seed: int, shape: tuple[int, ...] = (20, 20, 3)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def class_folders(root: Path, counts: dict[str, int], name=lambda kind, i: f"{i}.png", **save) -> Path:
    seed = 0
    for kind, count in counts.items():
        (root / kind).mkdir(parents=True)
        for i in range(count):
            seed += 1
            Image.fromarray(picture(seed)).save(root / kind / name(kind, i), **save)
    return root


def made(images, tmp_path: Path, **options):
    card = train(images, "labels", out=tmp_path / "run", settings=SHORT, **options).card
    return card, Selection.read(tmp_path / "run"), " ".join(card["data"].get("notes", []))


def test_a_class_with_one_image_is_learned_and_told_of(tmp_path: Path) -> None:
    lonely = {f"lonely{i}": 1 for i in range(6)}
    card, found, notes = made(class_folders(tmp_path / "set", {"a": 20, "b": 20, **lonely}), tmp_path, holdout=0.5)
    counts = {
        name: [found.counts[part][place] for part in ("train", "held_out")] for place, name in enumerate(found.classes)
    }
    assert all(counts[name] == [1, 0] for name in lonely), "none of them is held out"
    assert card["data"]["trained_on"] + card["data"]["held_out"] == 46
    assert "have too few images to hold one out" in notes and "'lonely" in notes
    assert set(predict(tmp_path / "run", tmp_path / "set").classes) == {"a", "b", *lonely}


def test_labels_that_leak_through_file_names_are_warned_of(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "set", {"cat": 24, "dog": 24}, name=lambda kind, i: f"{kind}_{i}.png")
    card, found, notes = made(folder, tmp_path)
    assert "labels leak: 100 % of them can be told from file names alone (chance 50 %)" in notes
    leak = next(one for one in found.leaks if one["probe"] == "file names")
    assert leak["accuracy"]["low"] > leak["chance"] == 0.5
    assert card["scores"]["accuracy"] < 0.95, "the network sees no names"


def test_unequal_sizes_and_channels_become_one_form(tmp_path: Path) -> None:
    """Grey, grey with alpha, RGBA, palette, 16 bits: as files; each decoded by the rules of all images."""
    modes, folder = ["L", "LA", "RGBA", "P", "I;16", "RGB", "CMYK", "1"], tmp_path / "set"
    for i in range(40):
        (folder / f"class{i % 2}").mkdir(parents=True, exist_ok=True)
        mode = modes[i % len(modes)]
        pixels = picture(i, (12 + i, 30 - i // 2, 3))
        suffix = "jpg" if mode == "CMYK" else "png"
        if mode == "I;16":
            image = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
        else:
            image = Image.fromarray(pixels).convert(mode.replace("LA", "L"))
            image = image.convert("LA") if mode == "LA" else image
        image.save(folder / f"class{i % 2}" / f"{i}.{suffix}")
    card, _, _ = made(folder, tmp_path)
    assert card["data"]["images"] == 40 and not card["data"]["set_aside"]
    assert len(predict(tmp_path / "run", folder).ids) == 40


@pytest.mark.parametrize("channels", [2, 4])
def test_arrays_with_a_last_channel_of_alpha_are_laid_on_a_ground(tmp_path: Path, channels: int) -> None:
    items = [picture(i, (20, 20, channels)) for i in range(24)]
    images = ImageSet(items, np.arange(24).astype(str), np.array(["a", "b"] * 12))
    card, _, _ = made(images, tmp_path)
    assert card["data"]["images"] == 24 and not card["data"]["set_aside"]


@pytest.mark.parametrize("channels", [5, 6])
def test_arrays_with_more_channels_are_refused_with_the_channels_that_can_be(tmp_path: Path, channels: int) -> None:
    with pytest.raises(InputError, match=rf"1 to 4 channels, got shape \(20, 20, {channels}\)"):
        train([picture(i, (20, 20, channels)) for i in range(20)], "labels", out=tmp_path / "run")


def test_a_class_for_each_image_is_refused(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "set", {f"name{i}": 1 for i in range(30)})
    with pytest.raises(InputError, match="30 classes for 30 images.*merge classes"):
        train(folder, "labels", out=tmp_path / "run", settings=SHORT)


def test_one_class_no_labels_and_no_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 2 classes.*level too deep or too high"):
        train(class_folders(tmp_path / "one", {"cat": 30}), "labels", out=tmp_path / "run", settings=SHORT)
    flat = class_folders(tmp_path / "flat", {".": 30})
    with pytest.raises(InputError, match="expected labelled images, got .* without labels.*folder of its own"):
        train(flat, "labels", out=tmp_path / "run", settings=SHORT)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="with no file at all"):
        train(tmp_path / "empty", "labels", out=tmp_path / "run", settings=SHORT)
    assert not (tmp_path / "run").exists()


def test_a_folder_one_level_too_high_or_too_deep_is_told(tmp_path: Path) -> None:
    for session in ("monday", "tuesday"):
        class_folders(tmp_path / "high" / session, {"cat": 8, "dog": 8})
    with pytest.raises(InputError, match="One level too high.*monday"):
        train(tmp_path / "high", "labels", out=tmp_path / "run", settings=SHORT)
    with pytest.raises(InputError, match="without labels"):
        train(tmp_path / "high/monday/cat", "labels", out=tmp_path / "run", settings=SHORT)


def test_labels_of_mixed_types_are_text(tmp_path: Path) -> None:
    items = [picture(i) for i in range(24)]
    images = ImageSet(items, np.arange(24).astype(str), np.array([1, "one", 1.0] * 8, dtype=object))
    _, found, _ = made(images, tmp_path)
    assert found.classes == ("1", "one")
    with pytest.raises(InputError, match="without a label"):
        ImageSet(items, np.arange(24).astype(str), np.array([1, None, "a"] * 8, dtype=object))


def test_several_labels_in_one_text_are_told_of(tmp_path: Path) -> None:
    items = [picture(i) for i in range(24)]
    images = ImageSet(items, np.arange(24).astype(str), np.array(["cat", "cat|sofa", "sofa"] * 8))
    _, found, notes = made(images, tmp_path)
    assert found.classes == ("cat", "cat|sofa", "sofa") and "'cat|sofa'" in notes and "--task multilabel" in notes


def test_copies_of_one_image_with_two_labels_are_on_one_side(tmp_path: Path) -> None:
    items = [picture(i // 2) for i in range(48)]
    images = ImageSet(items, np.arange(48).astype(str), np.array(["a", "b"] * 24))
    card, found, _ = made(images, tmp_path, holdout=0.3)
    pairs = {int(name) // 2 for name in found.ids}
    assert len(found.ids) == 2 * len(pairs), "both copies of each"


def test_a_table_with_identities_is_cut_by_them_when_asked(tmp_path: Path) -> None:
    items = [picture(i) for i in range(60)]
    identity = np.array([f"animal{i // 6}" for i in range(60)])
    images = ImageSet(items, np.arange(60).astype(str), np.array(["a", "b"] * 30), {"identity": identity})
    _, _, notes = made(images, tmp_path, holdout=0.3)
    assert "--holdout-by identity" in notes
    card = train(images, "labels", out=tmp_path / "apart", settings=SHORT, holdout=0.3, holdout_by="identity").card
    found = Selection.read(tmp_path / "apart")
    held = set(identity[found.ids.astype(int)])
    assert (
        len(found.ids) == 6 * len(held) and "notes" not in card["data"] or "identity" not in str(card["data"]["notes"])
    )
    with pytest.raises(InputError, match="holdout_by was not given, now identity"):
        train(images, "labels", out=tmp_path / "run", settings=SHORT, holdout=0.3, holdout_by="identity")
    with pytest.raises(InputError, match="--holdout-by"):
        train(images, "labels", out=tmp_path / "x", settings=SHORT, holdout_by="identitty")
