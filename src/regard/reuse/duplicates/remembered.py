"""The decisions that an index remembers about pairs of its images: made one at a time or from a file, listed, undone.

Decisions are about contents (`groups.py`); here they are asked for and told by the ids of an index.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.checks import InputError, bad
from ...data.decode import DecodeError, content_hash, read
from ..search.index.atomic_replace import CARD
from ..search.index.search_index import SearchIndex
from .decisions_file import Chosen, by_content, read_rows
from .groups import REMEMBERED, Decisions, decide, decide_all, read_decisions, undo


@dataclass(frozen=True)
class Remembered:
    """One decision.

    Attributes:
        verdict: same | different.
        a: the ids that the first content has in the index; none where it has it no more.
        b: likewise of the second.
        hashes: of both contents.
    """

    verdict: str
    a: list[str]
    b: list[str]
    hashes: tuple[str, str]


class IndexDecisions:
    """An index's images by id, their contents, and the file of decisions.

    Args:
        index: a folder made by `regard index`.
        allow_host: as `SearchIndex.open` takes it.

    Attributes:
        path: the file of decisions.

    Raises:
        InputError: no index.
    """

    def __init__(self, index: str | Path, allow_host: str | Sequence[str] | None = None) -> None:
        if not (Path(index) / CARD).exists():
            raise InputError("--decide: expected an index, which remembers; make one with `regard index`.")
        self.index, self.path = index, Path(index) / REMEMBERED
        rows = SearchIndex.open(index, allow_host=allow_host).store.scan(["id", "path", "content"]).to_pylist()
        self._rows = {row["id"]: row for row in rows}

    def decide(self, a: str, b: str, verdict: str) -> Decisions:
        """Remember that two images are the `same`, or `different`; returns all decisions.

        Raises:
            InputError: an id that is not there, an image that cannot be read, twice the same bytes.
        """
        contents = [self._content(name) for name in (a, b)]
        if contents[0] == contents[1]:
            raise bad("A B", f"{a!r} and {b!r}, the same bytes", "two different images")
        return decide(self.path, contents[0], contents[1], verdict)

    def decide_file(self, path: str | Path, *, skip_gone: bool = False) -> tuple[Chosen, Decisions]:
        """Remember all that a file says of pairs, or none of it; returns what it said, and all decisions.

        Raises:
            InputError: as `decisions_file.read_rows` and `by_content`.
        """
        chosen = by_content(read_rows(path), self.content_of, skip_gone=skip_gone)
        return chosen, decide_all(self.path, chosen.verdicts)

    def undo(self, a: str, b: str) -> Decisions:
        """Take back what was decided about two images, by id or by content hash; returns what is left."""
        return undo(self.path, *(self.content_of(name) or name for name in (a, b)))

    def listed(self) -> list[Remembered]:
        """All decisions, by content."""
        names = self._names()
        return [
            Remembered(verdict, names.get(first, []), names.get(second, []), (first, second))
            for (first, second), verdict in sorted(read_decisions(self.path).items())
        ]

    def content_of(self, name: str) -> str | None:
        """The hash of an image's bytes as they are now, or where its file is gone as they were; None for no id."""
        if name not in self._rows:
            return None
        row = self._rows[name]
        try:
            return content_hash(read(Path(row["path"] or name)))
        except DecodeError as error:
            if row["content"]:
                return str(row["content"])
            raise bad("A B", f"{name!r} ({error})", "images that can be read") from error

    def _content(self, name: str) -> str:
        found = self.content_of(name)
        if found is None:
            raise bad("A B", repr(name), f"an id of {self.index}")
        return found

    def _names(self) -> dict[str, list[str]]:
        """The ids of each content that the index knows; files are read where it knows none."""
        found: dict[str, list[str]] = {}
        for name, row in self._rows.items():
            try:
                content = row["content"] or self.content_of(name)
            except InputError:
                continue
            found.setdefault(str(content), []).append(name)
        return found
