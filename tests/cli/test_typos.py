"""A wrong name gets at most five near ones, however many there are, and the command that lists all."""

import re

import numpy as np
import pytest

from regard.cli import main
from regard.core.checks import NEAR, InputError, check_choice, nearest_names


@pytest.mark.parametrize(
    "line, near, see",
    [
        ("embed builtin:digits --with random:resnet1818 --out x.npz", "resnet18", "timm.list_models()"),
        ("embed builtin:digits --with timm:vit_tiny_patch16_225 --out x.npz", "vit_tiny_patch16_224", "timm.list"),
        ("embed builtin:digits --with torchvision:resnet_18 --out x.npz", "resnet18", "torchvision.models.list"),
        ("embed builtin:digits --with timm:RESNET81 --out x.npz", "resnet18", "timm.list_models()"),
        ("create builtin:digits --task rotatoin --out r", "rotation", "regard methods task"),
        ("create builtin:digits --task simclr --backbone convnett4 --out r", "convnet4", "regard methods backbone"),
        ("adapt a.npz a.npz --method corel", "coral", "regard methods adapt"),
        ("compare-adapt a.npz a.npz --methods subspaec", "subspace", "regard methods adapt"),
        ("probe a.npz wide.csv --by colum17", "column17", ""),
        ("embbed builtin:digits", "embed", ""),
        ("embed " + "x" * 5000 + " --out x.npz", "", ""),
        ("create builtin:digits --out r --task " + "y" * 5000, "", "regard methods task"),
    ],
)  # fmt: skip
def test_a_typo_is_a_short_message(tmp_path, monkeypatch, capsys, line, near, see):
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).normal(size=(8, 3))
    columns = {f"column{number}": np.arange(8) for number in range(300)}
    np.savez("a.npz", vectors=x, ids=np.arange(8), labels=np.arange(8) % 2, **columns)
    assert main(line.replace(" wide.csv", "").split(" ")) == 2
    told = capsys.readouterr().err
    assert near in told and see in told, told
    assert len(re.findall(r"'[\w./:-]+'", told)) <= NEAR + 1, told  # and what came
    assert len(told) < 600 or "x" * 100 in line, told


def test_of_few_choices_all_are_named():
    with pytest.raises(InputError, match="expected one of exact, sketch, ivf, got 'sketsh'. Did you mean 'sketch'"):
        check_choice("x", "sketsh", ["exact", "sketch", "ivf"])


@pytest.mark.parametrize("count", [13, 100, 5000])
@pytest.mark.parametrize("name", ["name_5", "zzzzzzz", "", "NAME_5", "n" * 100_000, "\x1b[31m"])
def test_of_many_the_nearest(count, name):
    known = [f"name_{number:05}" for number in range(count)]
    with pytest.raises(InputError) as told:
        check_choice("x", name, known, see="regard methods")
    text = str(told.value)
    assert 1 <= len(re.findall(r"name_\d{5}", text)) <= NEAR and text.endswith("All of them: regard methods.")
    assert len(text) < 400 and "\x1b" not in text


def test_long_names_are_cut():
    with pytest.raises(InputError) as told:
        check_choice("label", "a" * 90, ["a" * 91 + str(number) for number in range(50)])
    assert len(str(told.value)) < 600
    assert nearest_names("Coral", ["coral", "CORAL2", "tca"]) == ["coral", "CORAL2"]
