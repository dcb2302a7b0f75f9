import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas
import pytest
from rich.console import Console

from regard.core.heard import by_the_way
from regard.report.html import Table
from regard.verbs._result import Result, verb


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Found(Result):
    verb: ClassVar[str] = "look"
    name: str

    def told(self) -> dict[str, object]:
        return {"name": self.name}

    def shown(self) -> Any:
        yield f"of {self.name}"
        yield Table(["image", "score"], [[self.name, 0.5], ["b", None]], "what was found")


@verb
def look(name: str) -> Found:
    by_the_way("half of it is dark")
    return Found(name=name, metrics={"images": np.int64(2)}, notes=["small"], set_aside=[{"path": "c", "cause": "cut"}])


def test_json_has_the_shape_that_all_verbs_share() -> None:
    told = look("a").to_dict()
    assert told.pop("metrics") == {"images": 2, "set_aside": 1, "seconds": pytest.approx(0, abs=5)}
    assert told == {
        "name": "a",
        "notes": ["small", "half of it is dark"],
        "set_aside": [{"name": "c", "path": "c", "cause": "cut"}],
        "differences": [],
        "verdicts": {},
    }


def test_metrics_that_are_no_numbers_are_a_mistake() -> None:
    with pytest.raises(TypeError, match="metrics\\['good'\\] must be a number or None, got bool"):
        Found(name="a", metrics={"good": True}).to_dict()


def test_text_from_outside_is_escaped_wherever_it_shows(tmp_path: Path) -> None:
    found = look("<i>[red]\x1b[31m\u202e")
    assert str(found).splitlines()[0] == "of <i>[red]\\x1b[31m\\u202e"
    stream = io.StringIO()
    Console(file=stream, width=80).print(found)
    assert "of <i>[red]\\x1b[31m\\u202e" in stream.getvalue()
    for page in (found._repr_html_(), found.to_html(tmp_path / "page.html").read_text()):
        assert "&lt;i&gt;[red]\\x1b[31m" in page
        assert "<i>" not in page
        assert "\x1b" not in page and "\u202e" not in page


def test_to_pandas_has_the_rows_of_the_main_table() -> None:
    frame = look("a").to_pandas()
    pandas.testing.assert_frame_equal(frame, pandas.DataFrame({"image": ["a", "b"], "score": [0.5, None]}))


def test_to_pandas_without_pandas_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        look("a").to_pandas()


def test_a_page_has_figures_and_what_was_set_aside(tmp_path: Path) -> None:
    page = look("a").to_html(tmp_path / "page.html").read_text()
    assert "what was found" in page and "images" in page and "cut" in page
