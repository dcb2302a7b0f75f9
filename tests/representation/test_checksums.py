"""What was saved is what is loaded, or it is said: other weights, flipped bits, missing and edited files."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from regard.backbones.encoder import make_encoder
from regard.core.checks import InputError
from regard.core.storage import load_tensors, save_tensors
from regard.representation.pooled import Pooled
from regard.representation.pooling import vlad
from regard.representation.preprocess import Preprocess
from regard.representation.representation import Representation
from regard.representation.transform import saved
from regard.representation.transform.steps import L2, Chain
from regard.representation.transform.whitening import fit_whitening


def made(seed: int = 0) -> Representation:
    """A small network with a vocabulary and a whitening: all the files that a folder can hold."""
    encoder = make_encoder("convnet4", seed=seed).eval()
    x = torch.rand(12, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        pooled = Pooled("vlad", vlad.fit(encoder.last_map(x), k=2, dim=4, seed=seed))
        vectors = pooled(encoder, x).numpy()
    return Representation(encoder, Preprocess(32, 36), {"name": "whole"}, "", pooled, fit_whitening(vectors, dim=3))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    return {seed: made(seed).save(tmp_path_factory.mktemp(f"rep{seed}")) for seed in (0, 1)}


@pytest.fixture
def folder(kept: dict[int, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(kept[0], tmp_path / "rep"))


def transform_file(folder: Path) -> Path:
    return next(folder.glob("transform-*.safetensors"))


def edit(path: Path, change) -> None:
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


FILES = ["config.json", "model.safetensors", "pooling.safetensors", "transform.json", "transform-*.safetensors"]


def test_a_whole_folder_is_loaded_and_names_its_files(kept):
    found = Representation.load(kept[0])
    assert found.fingerprint == found.card["fingerprint"] == made().fingerprint
    named = set(found.card["checksums"])
    assert named == {path.name for path in kept[0].iterdir()} - {"card.json"} and len(named) == len(FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_folder_of_the_same_form(folder, kept, name):
    (mine,), (theirs,) = folder.glob(name), kept[1].glob(name)
    if mine.read_bytes() == theirs.read_bytes():
        edit(mine, lambda value: value["regard"]["preprocess"].update(resize=40))  # the only file they share
    else:
        shutil.copyfile(theirs, mine)
    with pytest.raises(InputError, match="transform|config|model|pooling"):
        Representation.load(folder)


def test_all_of_the_transform_of_another_folder(folder, kept):
    transform_file(folder).unlink()
    for path in kept[1].glob("transform*"):
        shutil.copy(path, folder)
    with pytest.raises(InputError, match="transform"):
        Representation.load(folder)


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_anywhere(folder, name):
    (path,) = folder.glob(name)
    good = path.read_bytes()
    before = Representation.load(folder)
    # every part of the file: length, header, names, numbers
    for turn, place in enumerate(np.unique(np.linspace(0, len(good) - 1, 40).astype(int))):
        damaged = bytearray(good)
        damaged[place] ^= 1 << (0, 6)[turn % 2]
        path.write_bytes(bytes(damaged))
        try:
            assert Representation.load(folder).fingerprint == before.fingerprint  # white space in JSON
            assert path.suffix == ".json" and json.loads(path.read_text()) == json.loads(good)
        except InputError as error:
            assert path.name in str(error) or "transform" in str(error)
    path.write_bytes(good)
    assert Representation.load(folder).fingerprint == before.fingerprint


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_gone_or_cut_short(folder, name):
    (path,) = folder.glob(name)
    good = path.read_bytes()
    for cut in (len(good) // 2, len(good) - 1, 0):
        path.write_bytes(good[:cut])
        if path.suffix != ".json" or cut < len(good) - 1:  # the last byte of JSON is the end of its line
            with pytest.raises(InputError, match=path.name):
                Representation.load(folder)
    path.unlink()
    with pytest.raises(InputError, match=path.name):
        Representation.load(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["pretrained_cfg"].update(mean=[0.5, 0.4, 0.3]),
        lambda c: c["pretrained_cfg"].update(std=[0.1, 0.2, 0.3]),
        lambda c: c["pretrained_cfg"].update(interpolation="bilinear"),
        lambda c: c["pretrained_cfg"].update(crop_pct=0.5),
        lambda c: c["regard"]["preprocess"].update(size=28),
        lambda c: c["regard"]["preprocess"].update(resize=48),
        lambda c: c["regard"]["preprocess"].update(interpolation="bilinear"),
        lambda c: c["regard"]["preprocess"].update(mode="squash"),
        lambda c: c["regard"].pop("preprocess"),
        lambda c: c["regard"].pop("pooling"),
        lambda c: c["regard"]["pooling"].update(scales=[1, 0.5]),
        lambda c: c.pop("regard"),
        lambda c: c.update(architecture="convnet5"),
    ],
)
def test_an_edited_configuration(folder, change):
    edit(folder / "config.json", change)
    with pytest.raises(InputError, match=r"config\.json: is not the file"):
        Representation.load(folder)


def test_a_file_that_was_put_there(tmp_path):
    made_of = Representation(make_encoder("convnet4"), Preprocess(32, 36))
    made_of.save(tmp_path)
    saved.save(Chain((L2(),)), tmp_path)
    with pytest.raises(InputError, match=r"transform\.json, which its card does not name"):
        Representation.load(tmp_path)


def test_a_folder_of_ours_without_its_card_is_not_whole(folder):
    (folder / "card.json").unlink()
    with pytest.raises(InputError, match=r"without card\.json"):
        Representation.load(folder)


@pytest.mark.parametrize("value", [3, ["config.json"], {"config.json": 5}, {"../x": "0"}, {"gone.bin": "0"}])
def test_checksums_that_are_none(folder, value):
    edit(folder / "card.json", lambda card: card.update(checksums=value))
    with pytest.raises(InputError):
        Representation.load(folder)


def test_a_card_that_is_none(folder):
    (folder / "card.json").write_text("[]")
    with pytest.raises(InputError, match="a card"):
        Representation.load(folder)


def test_other_line_ends_and_order_change_nothing(folder):
    was = Representation.load(folder).fingerprint
    for path in folder.glob("*.json"):
        text = json.dumps(json.loads(path.read_text()), sort_keys=True, indent=1)
        path.write_bytes(text.replace("\n", "\r\n").encode())
    assert Representation.load(folder).fingerprint == was


def test_folders_of_earlier_versions_and_of_timm_load_as_they_are(folder):
    was = Representation.load(folder).fingerprint
    edit(folder / "card.json", lambda card: card.pop("checksums"))
    assert Representation.load(folder).fingerprint == was
    tensors = load_tensors(folder / "model.safetensors")
    save_tensors(folder / "model.safetensors", {name: value + 1 for name, value in tensors.items()})
    assert Representation.load(folder).fingerprint != was
    edit(folder / "config.json", lambda config: config.pop("regard"))
    (folder / "card.json").unlink()
    (folder / "transform.json").unlink()
    assert Representation.load(folder).card == {"name": "rep"}


def test_numbers_of_a_transform_are_those_that_its_file_is_named_by(folder):
    edit(folder / "card.json", lambda card: card.pop("checksums"))
    path = transform_file(folder)
    save_tensors(path, {name: value + 1 for name, value in load_tensors(path).items()})
    with pytest.raises(InputError, match="whose numbers were changed"):
        Representation.load(folder)


def test_saved_again_it_speaks_of_the_new_files(folder):
    found = Representation.load(folder)
    found.transform = None
    found.save(folder)
    again = Representation.load(folder)
    assert again.fingerprint == found.fingerprint and "transform.json" not in again.card["checksums"]


def test_a_save_that_is_killed_leaves_no_folder_that_looks_whole(folder, monkeypatch):
    other = made(1)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(saved, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        other.save(folder)
    with pytest.raises(InputError, match=r"card\.json"):
        Representation.load(folder)
