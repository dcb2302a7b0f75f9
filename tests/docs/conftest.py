"""What the pages' commands are run on: the built-in sets, with fewer pictures."""

from collections.abc import Iterator

import pytest

from regard.data import builtin
from regard.data.rendered import rendered_digits
from regard.data.scenes import scenes


@pytest.fixture
def small_sets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fewer digits, crops and scenes under the same names and ids: a page's words are tried, not its figures."""
    few = {
        "digits": lambda: builtin.digits().subset(range(300)),
        "rendered_digits": lambda: rendered_digits(200),
        "photo_crops": lambda: builtin.photo_crops(100),
        "scenes": lambda: scenes(20),
        "scenes_b": lambda: scenes(6, seed=1, family="b"),
    }
    for name, make in few.items():
        monkeypatch.setitem(builtin._SETS, name, make)
    builtin._by_id.cache_clear()
    yield
    builtin._by_id.cache_clear()
