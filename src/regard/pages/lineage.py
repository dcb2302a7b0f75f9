"""The page of `regard lineage`: the tree, then a table of every representation with its tasks and scores."""

from pathlib import Path

from ..lifelong.lineage import Lineage
from ..report.html import Highlight, Picture, Section, Table, write_report
from ..report.tree import Leaf, tree

MOST = 500  # lines of a drawn tree; the table has all
TOLD = {"named": "loaded by name", "fresh": "weights as they were drawn", "missing": "parent that was not found"}


def write_lineage_page(found: Lineage, path: str | Path, command: str = "") -> Path:
    """Write the page.

    Args:
        found: the lineage.
        path: the .html file.
        command: what the page names as the command that made it.
    """
    rows = found.rows()
    leaves = [
        Leaf(len(row.last), row.title, TOLD.get(row.kind, ""), kind=row.kind)
        if row.node is None
        else Leaf(len(row.last), row.title, _detail(found, row.title), row.node.scored, row.kind)
        for row in rows[:MOST]
    ]
    count, missing = len(found.nodes), found.missing
    summary = f"{count} representation(s) below {found.root}." if count else f"No representation below {found.root}."
    for name in found.loops:
        summary += f"\n\n**{name}: its parents lead back to itself**; the circle was cut there."
    sections = []
    if leaves:
        caption = "Filled: a folder. Hollow: what it began from, where that is no folder here."
        if len(rows) > MOST:
            caption += f" The first {MOST} of {len(rows)} lines."
        alt = f"tree of {count} representations, from parents to children"
        sections.append(Section("Who came from whom", "", [Picture(tree(leaves, alt), caption)]))
        sections.append(Section("Tasks and scores", "", [lineage_table(found)]))
    if found.set_aside or found.unfinished:
        cells = [[one["path"], one["cause"]] for one in found.set_aside]
        cells += [[name, "a run that did not end"] for name in found.unfinished]
        sections.append(Section("Set aside", "", [Table(["folder", "cause"], cells)]))
    large = [Highlight(str(count), "representations"), Highlight(str(len(missing)), "parents not found")]
    facts = {"command": command} if command else {}
    return write_report(path, "Lineage", sections, summary, highlights=large, facts=facts)


def lineage_table(found: Lineage) -> Table:
    """A row for each representation: folder, parent, tasks in order, main score with its interval."""
    cells = []
    for name, node in found.nodes.items():
        parent = found.parents.get(name) or (node.parent.name if node.parent else "unknown")
        cells.append([name, parent, " → ".join(found.tasks(name)), node.scored or "–"])
    return Table(["folder", "parent", "tasks", "score"], cells)


def _detail(found: Lineage, folder: str) -> str:
    node = found.nodes[folder]
    task = f"{node.task} on {node.data}" if node.task and node.data else node.task
    return ", ".join(filter(None, (task, node.name if node.name != folder else "")))
