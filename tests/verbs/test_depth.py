"""`regard.depth` from Python: the baseline is kept and told, what has no meaning is refused, page and cap."""

import json
from pathlib import Path

import pytest

import regard
from helpers.depth import depth_folder
from regard.core.checks import InputError
from regard.data.sources import open_images

SHORT = {"with_": "random:convnet4", "size": 32, "steps": 2, "batch": 4, "lr": 2e-3}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("depth")
    depth_folder(root / "deep", 10)
    depth_folder(root / "others", 4, family="b")
    regard.depth.train(root / "deep", out=root / "run", keep="best", **SHORT)
    return root


def test_the_baseline_is_kept_in_the_run_and_told(given: Path, tmp_path: Path) -> None:
    card = json.loads((given / "run" / "card.json").read_text())
    statistics = card["task"]["statistics"]
    assert len(statistics["rows"]) == 32 and 0 < statistics["limits"][0] < statistics["limits"][1]
    assert 0 < card["scores"]["row_constant_abs_rel"] < 1 and "val" in card["scores"]
    found = regard.depth.evaluate(given / "run", given / "others", page=tmp_path / "page.html")
    assert found.metrics["images"] == 4 and found.metrics["row_constant_abs_rel"] > 0 and "classes" not in found.metrics
    assert found.metrics["row_constant_gain"] == pytest.approx(
        found.metrics["row_constant_abs_rel"] - found.metrics["abs_rel"]
    )
    assert "best constant of each row" in (tmp_path / "page.html").read_text() and dict(found.by_class) == {}
    near = regard.depth.evaluate(given / "run", given / "others", cap=4.0)
    assert near.metrics["abs_rel"] != found.metrics["abs_rel"] and near.metrics["rmse"] < found.metrics["rmse"]


def test_what_has_no_meaning_is_refused(given: Path, tmp_path: Path) -> None:
    for argument, call in {
        "--classes": lambda: regard.depth.train(given / "deep", out=tmp_path / "r", classes="a,b", **SHORT),
        "--head": lambda: regard.depth.train(given / "deep", out=tmp_path / "r", head="linear", **SHORT),
        "--tiles": lambda: regard.depth.predict(given / "run", given / "others", tiles=32),
        "--cap": lambda: regard.depth.evaluate(given / "run", given / "others", cap=0.0),
        "RUN": lambda: regard.segment.predict(given / "run", given / "others"),
        "DATA": lambda: regard.depth.evaluate(given / "run", given / "deep"),
    }.items():
        with pytest.raises(InputError, match=argument.removeprefix("--") if argument == "--head" else argument):
            call()


def test_what_is_predicted_can_be_learned_from(given: Path, tmp_path: Path) -> None:
    found = regard.depth.predict(given / "run", given / "others", out=tmp_path / "found", format_="png", pictures=True)
    assert found.written is not None and found.written.images == 4 and found.metrics["nearest_metres"] > 0
    again = open_images(tmp_path / "found")
    assert len(again) == 4 and again.annotations is not None and again.annotations[0].depth is not None
    held = regard.depth.predict(given / "run", given / "others", page=tmp_path / "page.html")
    assert held.answers[0].depth is not None and held.predictions[0]["depth"]["nearest"] > 0
    assert "</html>" in (tmp_path / "page.html").read_text()
