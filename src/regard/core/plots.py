"""The one way into matplotlib: plain text only, one drawing at a time, and no word about glyphs that its font lacks.

Names of classes, files and domains are drawn, and a name may be `$x_{$`, which is no formula that matplotlib could
read, or hold signs of any script. Whoever draws stands inside `drawing` and passes text from outside by `written`.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

from .shown import visible

# a `$` is a dollar; the formatters of axes then must not write formulas themselves
_PLAIN = {"text.usetex": False, "text.parse_math": False, "axes.formatter.use_mathtext": False}
_one_at_a_time = Lock()


def written(name: object, longest: int = 32) -> str:
    r"""A text from outside as it stands in a figure: hidden characters escaped, and a long one cut in its middle.

    >>> written("$a_b$"), written("a\u202eb"), written("photographs of everything", 10)
    ('$a_b$', 'a\\u202eb', 'photo…hing')
    """
    text = visible(name)
    tail = (longest - 1) // 2
    return text if len(text) <= longest else f"{text[: longest - 1 - tail]}…{text[-tail:]}"


@contextmanager
def drawing(settings: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Inside the block matplotlib draws with these settings and reads no text as a formula.

    matplotlib reads its settings while it draws: a lock keeps two threads of a web server apart. A glyph that its
    font lacks is drawn as a box, and in an SVG by a font of the page, which may have it: no warning helps.
    """
    import matplotlib as mpl

    with _one_at_a_time, mpl.rc_context({**_PLAIN, **(settings or {})}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+|Matplotlib currently does not support", UserWarning)
        yield
