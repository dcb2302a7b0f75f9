"""Adapted classifiers are kept as runs: the same probabilities, and a refusal where no linear map decides."""

import json

import numpy as np
import pytest

from regard import adapter, cli
from regard.adapt.saved import as_linear, keep
from regard.core.checks import InputError
from regard.core.storage import read_json
from regard.data.builtin import builtin
from regard.representation.embed import embed
from regard.reuse.predict import predict

WITH = "random:convnet4"


@pytest.fixture(scope="module")
def domains():
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b", "c"], 40)
    centres = {"a": 0, "b": 2, "c": 4}
    X = rng.normal(size=(120, 6)) + np.array([[centres[name]] * 6 for name in y])
    return X, y, X @ (np.eye(6) + 0.2 * rng.normal(size=(6, 6))) + 3


@pytest.mark.parametrize(
    "name, settings",
    [("coral", {}), ("subspace", {"n_components": 3}), ("gfk", {"n_components": 2}), ("weighting", {})],
)
def test_a_linear_decision_is_read_off(domains, name, settings):
    X, y, Xt = domains
    model = adapter(name, classifier="linear", **settings).fit(X, y, Xt)
    found = as_linear(model, Xt)
    assert found.classes == ("a", "b", "c")
    assert found.probabilities(Xt) == pytest.approx(model.predict_proba(Xt), abs=1e-3)
    far = Xt[:5] * 1.5 - 2  # it is the function that is kept, not its values
    assert found.probabilities(far) == pytest.approx(model.predict_proba(far), abs=1e-3)


@pytest.mark.parametrize("name, settings", [("coral", {"classifier": "1nn"}), ("nbnn", {})])
def test_another_decision_is_refused(domains, name, settings):
    X, y, Xt = domains
    with pytest.raises(InputError, match="does not decide by one linear map"):
        as_linear(adapter(name, **settings).fit(X, y, Xt), Xt)


@pytest.mark.parametrize("labelled", [True, False])
def test_the_command_keeps_a_run_that_predicts(tmp_path, capsys, labelled):
    source, target = builtin("rendered_digits"), builtin("digits")
    rng = np.random.default_rng(0)
    source = source.subset(np.sort(rng.choice(len(source), 200, replace=False)))
    target = target.subset(np.arange(150))
    for name, images in (("s", source), ("t", target if labelled else target.without_labels())):
        embed(images, WITH, precision="fp32").save(tmp_path / f"{name}.npz")
    words = ["adapt", str(tmp_path / "s.npz"), str(tmp_path / "t.npz"), "--method", "coral", "--with", WITH]
    words += ["--quiet", "--json"]
    assert cli.main([*words, "--out", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    assert cli.main([*words, "--out", str(tmp_path / "t.csv")]) == 0
    capsys.readouterr()
    rows = (tmp_path / "t.csv").read_text().splitlines()[1:]
    found = predict(tmp_path / "run", target, precision="fp32")
    assert [row.split(",")[1].strip('"') for row in rows] == found.labels.tolist()
    assert read_json(tmp_path / "run" / "card.json")["adapted"]["method"] == "coral"
    assert cli.main([*words, "--out", str(tmp_path / "run")]) == 2  # it is there already
    assert "new or empty folder" in json.loads(capsys.readouterr().out)["error"]


def test_vectors_of_another_representation_are_refused(domains, tmp_path):
    X, y, Xt = domains
    vectors = embed(builtin("faces"), WITH)
    model = adapter("coral", classifier="linear").fit(X, y, Xt)
    with pytest.raises(InputError, match="--with: expected the representation that made the vectors"):
        keep(model, vectors, "random:convnet4:1", tmp_path / "run", {"method": "coral"})
    assert not (tmp_path / "run").exists()
