"""The one way to the terminal: whatever a verb prints goes through `say`, and nothing raw gets past `guarded`.

`say` writes one line, in which every character that a terminal would obey or hide is escaped (`core/shown.py`).
`guarded` stands around a whole command: what other libraries print, warn or log is escaped as well, and a character
that the terminal's encoding lacks is escaped where it would else end the command with an error.
"""

import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from ..core.shown import encodable, json_visible, visible

_began = [time.monotonic()]


class Guarded:
    """A text stream that escapes what is written to it, but for the characters of `keep`; else it is the stream."""

    def __init__(self, stream: TextIO, keep: str = "\n\t") -> None:
        self._stream, self._keep = stream, keep

    def write(self, text: str) -> int:
        """Write a text, escaped."""
        if not isinstance(text, str):
            raise TypeError(f"expected text, got {type(text).__name__}")
        back = "\r" * text.startswith("\r")  # how bars of other libraries begin: to the start of their own line
        shown = back + visible(text[len(back) :], self._keep)
        self._stream.write(encodable(shown, getattr(self._stream, "encoding", None)))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def say(text: object = "", *, to: TextIO | None = None) -> None:
    """Write one line, on standard output unless a stream is given; a line break in it is escaped, too."""
    stream = to or sys.stdout
    _guard(stream).write(visible(text) + "\n")
    if stream is not sys.stdout:
        stream.flush()


def say_lines(text: str) -> None:
    """Write a text of several lines that regard itself laid out."""
    for line in text.split("\n"):
        say(line)


def say_json(result: Mapping[str, Any]) -> None:
    """Write one JSON object on standard output, in which nothing stands raw either; it reads back unchanged."""
    from json import dumps

    text = json_visible(dumps(result, ensure_ascii=False, allow_nan=False))
    encoding = getattr(sys.stdout, "encoding", None)
    if encodable(text, encoding) != text:
        text = dumps(result, allow_nan=False)
    _guard(sys.stdout).write(text + "\n")


def console(*, error: bool = False) -> Any:
    """A console of rich on standard output or error, whose own colours and moves of the cursor pass.

    Texts from outside are given to it as `rich.text.Text` of `visible` words, so that none is taken for markup.
    """
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    raw = stream._stream if isinstance(stream, Guarded) else stream
    return Console(file=Guarded(raw, "\n\r\t\x1b"))  # type: ignore[arg-type]


@contextmanager
def guarded(debug: bool = False) -> Iterator[None]:
    """Inside the block all that is printed, warned and logged is escaped; a warning is one line without its place."""
    _began[0] = time.monotonic()
    before = sys.stdout, sys.stderr, warnings.formatwarning
    sys.stdout, sys.stderr = _guard(sys.stdout), _guard(sys.stderr)
    if not debug:
        warnings.formatwarning = lambda message, *_, **__: f"warning: {visible(' '.join(str(message).split()))}\n"
    try:
        yield
    finally:
        sys.stdout, sys.stderr, warnings.formatwarning = before


def elapsed() -> float:
    """Seconds since the command began."""
    return time.monotonic() - _began[0]


def _guard(stream: "TextIO | Guarded") -> Guarded:
    return stream if isinstance(stream, Guarded) else Guarded(stream)
