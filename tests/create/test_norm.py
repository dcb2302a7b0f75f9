"""`--norm` where networks are made: the run folder loads again, and says what it has."""

import json

import pytest

from regard import create
from regard.core.checks import InputError
from regard.data.builtin import digits
from regard.representation.representation import Representation

SHORT = {"task": "labels", "steps": 2, "batch": 8, "size": 16, "precision": "fp32"}


def few():
    return digits().subset(slice(60))


def test_a_created_folder_keeps_the_normalisation_and_goes_on_with_another(tmp_path):
    made = create(few(), backbone="resnet_scaled", norm="gn:8", out=tmp_path / "first", **SHORT)
    rep = Representation.load(tmp_path / "first")
    assert rep.encoder.config["norm"] == "gn:8" and made.representation.fingerprint == rep.fingerprint
    assert json.loads((tmp_path / "first" / "card.json").read_text())["norm"] == "gn:8"
    create(few(), from_=tmp_path / "first", norm="ln", out=tmp_path / "second", **SHORT)
    after = Representation.load(tmp_path / "second")
    assert after.encoder.config["norm"] == "ln"
    assert not any(name.endswith("running_mean") for name in after.encoder.state_dict())
    with pytest.raises(InputError, match=r"^--norm: .* got gn:8"):
        create(few(), from_=tmp_path / "first", norm="gn:8", out=tmp_path / "third", **SHORT)


def test_another_normalisation_is_another_run(tmp_path):
    create(few(), backbone="resnet_scaled", norm="gn:8", out=tmp_path / "run", **SHORT)
    with pytest.raises(InputError, match="--out"):
        create(few(), backbone="resnet_scaled", norm="ln", out=tmp_path / "run", **SHORT)


@pytest.mark.parametrize(
    "given, match",
    [
        ({"backbone": "vgg_scaled", "norm": "gn:8"}, "has none"),
        ({"backbone": "resnet_scaled", "norm": "group"}, "gn:G"),
        ({"backbone": "resnet_scaled", "norm": "in"}, "nothing to average over"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_written(tmp_path, given, match):
    with pytest.raises(InputError, match=match):
        create(few(), out=tmp_path / "run", **SHORT, **given)
    assert not (tmp_path / "run").exists()


def test_a_batch_of_one_is_told_where_batch_normalisation_cannot_have_it(tmp_path):
    short = SHORT | {"batch": 1}
    with pytest.raises(InputError, match=r"^--batch: expected at least 2 images, .* --norm gn:32"):
        create(few(), backbone="resnet_scaled", out=tmp_path / "bn", **short)
    create(few(), backbone="resnet_scaled", norm="gn:8", out=tmp_path / "gn", **short)
