"""`regard.lineage`: which representation came from which."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..core.checks import check_output
from ..lifelong.lineage import LOOP, Lineage, Row, read_lineage
from ..pages.lineage import TOLD, lineage_table, write_lineage_page
from ..report.html import Table
from ._given import told_aside
from ._result import Result, verb


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Lines(Result):
    """The representations below a folder and their parents.

    Attributes:
        folder: what was looked through.
        report: the page that was written, or None.
        found: the lineage.
    """

    verb: ClassVar[str] = "lineage"
    folder: str
    report: Path | None
    found: Lineage

    def told(self) -> Mapping[str, object]:
        """Every representation with its parent, its tasks in order, and its scores."""
        each = [
            {
                "folder": name,
                "name": node.name,
                "fingerprint": node.fingerprint or None,
                "parent": self.found.parents.get(name),
                "parent_name": None if node.parent is None else node.parent.name,
                "parent_kind": _kind(self.found, name),
                "task": node.task or None,
                "data": node.data or None,
                "tasks": self.found.tasks(name),
                "depth": len(self.found.line(name)) - 1,
                "score": node.score or None,
                "scores": dict(node.scores),
            }
            for name, node in self.found.nodes.items()
        ]
        missing = [{"name": one.name, "fingerprint": one.fingerprint or None} for one in self.found.missing]
        more = {"report": self.report} if self.report is not None else {}
        return {
            "folder": self.folder,
            "representations": each,
            "missing": missing,
            "loops": list(self.found.loops),
            "unfinished": list(self.found.unfinished),
            **more,
        }

    def shown(self) -> Iterator[str | Table]:
        """The tree, then what is missing and what was set aside."""
        if not self.found.nodes:
            yield f"no representation below {self.folder}"
        for row in self.found.rows():
            yield drawn(row)
        for note in self.notes:
            yield f"note: {note}"
        yield from told_aside(self.set_aside, "--json")
        if self.report is not None:
            yield f"report: {self.report}"

    def rows(self) -> Table:
        """A row for each representation: folder, parent, tasks, score."""
        return lineage_table(self.found)

    def write_page(self, path: Path) -> None:
        """The tree as a picture, and a table."""
        write_lineage_page(self.found, path, f"regard lineage {self.folder}")


@verb
def lineage(folder: str | Path, *, report: str | Path | None = None) -> Lines:
    """Draw which representation came from which, with their tasks and scores.

    Every representation below the folder is found by its card. Parents that are not there are named; circles of
    parents are cut and told; other files are passed over. Weights are not read.

    Args:
        folder: where runs lie, at any depth. Links to folders are not followed.
        report: write a page with the tree to this .html.

    Raises:
        InputError: no such folder, or a report that does not end in .html.
    """
    if report is not None:
        check_output("--report", report, ".html")
    found = read_lineage(folder)
    notes = [f"{name}: its parents lead back to itself; the circle was cut there." for name in found.loops]
    notes += [
        f"parent not found: {one.name}, fingerprint {one.fingerprint or 'unknown'}; is it in another folder?"
        for one in found.missing
    ]
    notes += [f"{name} is a run that did not end; the command that began it goes on." for name in found.unfinished]
    lone = [name for name, node in found.nodes.items() if node.parent is None]
    made = Lines(
        folder=str(folder),
        report=None if report is None else Path(report),
        found=found,
        metrics={
            "representations": len(found.nodes),
            "linked": len(found.parents),
            "missing_parents": len(found.missing),
            "unknown_parents": len(lone),
            "loops": len(found.loops),
            "unfinished": len(found.unfinished),
            "deepest": max((len(found.line(name)) for name in found.nodes), default=0),
        },
        notes=notes,
        set_aside=found.set_aside,
    )
    if made.report is not None:
        made.write_page(made.report)
    return made


def drawn(row: Row) -> str:
    """A line of the tree as text."""
    front = "".join("   " if end else "│  " for end in row.last[:-1])
    front += ("└─ " if row.last[-1] else "├─ ") if row.last else ""
    if row.node is None:
        return f"{front}{row.title}" + (f" ({TOLD[row.kind]})" if row.kind == "named" else "")
    node = row.node
    task = f"{node.task} on {node.data}" if node.task and node.data else node.task
    told = ", ".join(filter(None, (task, node.scored, "its parents lead back to itself" if row.kind == LOOP else "")))
    return f"{front}{row.title}" + (f": {told}" if told else "")


def _kind(found: Lineage, name: str) -> str:
    """`folder`, `named`, `fresh`, `missing`, `loop` or `unknown`."""
    if name in found.parents:
        return "folder"
    if name in found.loops:
        return LOOP
    parent = found.nodes[name].parent
    return "unknown" if parent is None else parent.kind
