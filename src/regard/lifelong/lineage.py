"""Lineage: which representation came from which, by which task, and what it scored, from the cards below a folder.

A card names its parent by name and fingerprint, or fresh weights by network and seed. A parent is looked for among the
folders by its fingerprint. A run that moved no weight (a classifier on a frozen network, say) has its parent's
fingerprint: there the name decides. Weights are not read, so that a thousand folders take seconds.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.checks import InputError, check_path
from ..representation.folder_records import read_card, read_config
from .lineage_node import FRESH, MISSING, NAMED, Node, Parent, node_of

CARD, FILES, BEGUN = "card.json", ("config.json", "model.safetensors"), "run.json"
LOOP = "loop"


@dataclass(frozen=True)
class Row:
    """One line of the drawn tree.

    Attributes:
        last: for each level but the first whether the line, or what it stands below, is the last of its siblings.
        title: a folder, or what a parent that is no folder here is called.
        kind: `node`, or the kind of a parent that is no folder here.
        node: the representation; None of such a parent.
    """

    last: tuple[bool, ...]
    title: str
    kind: str = "node"
    node: Node | None = None


@dataclass(frozen=True)
class Lineage:
    """All representations below a folder, and who came from whom.

    Attributes:
        root: the folder.
        nodes: by folder, in the order of their folders.
        parents: the folder of each one's parent, for those whose parent was found.
        loops: folders at which a circle of parents was cut.
        unfinished: folders of runs that did not end.
        set_aside: {path, cause} of what looked like a representation and could not be read.
    """

    root: Path
    nodes: Mapping[str, Node]
    parents: Mapping[str, str]
    loops: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    set_aside: tuple[dict[str, str], ...] = ()

    @property
    def missing(self) -> list[Parent]:
        """Parents that are no folder here and cannot be had by name, each once."""
        lone = (node.parent for name, node in self.nodes.items() if name not in {*self.parents, *self.loops})
        return list(dict.fromkeys(one for one in lone if one is not None and one.kind == MISSING))

    def line(self, folder: str) -> list[Node]:
        """A representation's line from the first ancestor that was found down to itself."""
        found = [folder]
        while found[-1] in self.parents:
            found.append(self.parents[found[-1]])
        return [self.nodes[name] for name in reversed(found)]

    def tasks(self, folder: str) -> list[str]:
        """What a representation learned, in order, as `TASK (DATA)`, with its ancestors' tasks."""
        return [f"{one.task} ({one.data})" if one.data else one.task for one in self.line(folder) if one.task]

    def rows(self) -> list[Row]:
        """The tree, line by line; ancestors that are no folder here stand above their children."""
        below: dict[str, list[str]] = {}
        for child, parent in self.parents.items():
            below.setdefault(parent, []).append(child)
        tops: dict[tuple[str, str], list[str]] = {}
        for name, node in self.nodes.items():
            if name not in self.parents:
                known = node.parent is not None and name not in self.loops
                key = (node.parent.kind, _called(node.parent)) if known and node.parent else (LOOP, name)
                tops.setdefault(key, []).append(name)
        order = {NAMED: 0, FRESH: 1, MISSING: 2, LOOP: 3}
        found: list[Row] = []
        for (kind, title), children in sorted(tops.items(), key=lambda one: (order[one[0][0]], one[0][1])):
            if kind != LOOP:
                found.append(Row((), title, kind))
            # a stack and no recursion: a line of a thousand runs is one
            stack = _children(children, () if kind != LOOP else None)
            while stack:
                name, last = stack.pop()
                found.append(Row(last, name, LOOP if name in self.loops else "node", self.nodes[name]))
                stack += _children(below.get(name, ()), last)
        return found


def read_lineage(folder: str | Path) -> Lineage:
    """Find every representation below a folder and link it to its parent; links to folders are not followed.

    A damaged card, or weights of another kind, are set aside with their cause. Other files are passed over.

    Raises:
        InputError: no such folder.
    """
    root = check_path("FOLDER", folder, folder=True)
    nodes: dict[str, Node] = {}
    unfinished, aside = [], []
    for place, node, cause in _found(root):
        if cause:
            aside.append({"path": place, "cause": cause})
        elif node is None:
            unfinished.append(place)
        else:
            nodes[place] = node
    parents = _links(nodes)
    loops = []
    for name in nodes:
        seen = {name}
        at = name
        while at in parents and parents[at] not in seen:
            at = parents[at]
            seen.add(at)
        if parents.get(at) == name:  # the first folder of a circle is where it is cut
            loops.append(name)
            del parents[name]
    return Lineage(root, nodes, parents, tuple(loops), tuple(unfinished), tuple(aside))


def _found(root: Path) -> Iterator[tuple[str, Node | None, str]]:
    """(folder, node, cause): a representation, an unfinished run (None, ""), or what could not be read."""
    failed: list[OSError] = []
    for place, folders, files in os.walk(root, onerror=failed.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        path = Path(place)
        named = path.relative_to(root).as_posix()
        if not set(FILES) <= set(files):
            if BEGUN in files and CARD not in files:
                yield named, None, ""
            continue
        try:
            if CARD in files:
                yield named, node_of(named, read_card(path)), ""
            elif "regard" in read_config(path):
                yield named, None, "card.json is not there, so that the folder is not whole"
            else:
                yield named, Node(named, path.resolve().name), ""
        except InputError as error:
            yield named, None, str(error)
    for closed in failed:
        yield str(closed.filename or root), None, str(closed.strerror or closed)


def _links(nodes: Mapping[str, Node]) -> dict[str, str]:
    """The folder of each one's parent, where it was found."""
    by_print: dict[str, list[Node]] = {}
    for node in nodes.values():
        by_print.setdefault(node.fingerprint, []).append(node)
    found = {}
    for name, node in nodes.items():
        parent = node.parent
        if parent is None or not parent.fingerprint or parent.kind == FRESH:
            continue
        fits = [one for one in by_print.get(parent.fingerprint, ()) if one.folder != name]
        # a run that moved no weight has its parent's fingerprint: its siblings have it then, and so have runs that
        # began, by a name that can be loaded, from the same weights
        if parent.fingerprint == node.fingerprint or parent.kind == NAMED:
            fits = [one for one in fits if one.name == parent.name]
        if fits:
            best = min(fits, key=lambda one: (one.name != parent.name, _same(one, parent), one.folder))
            found[name] = best.folder
    return found


def _same(one: Node, parent: Parent) -> bool:
    """Whether a folder's own parent is that parent: then it is a copy with another head rather than the parent."""
    return one.parent is not None and (one.parent.name, one.parent.fingerprint) == (parent.name, parent.fingerprint)


def _called(parent: Parent) -> str:
    if parent.kind == FRESH:
        network, seed = _network(parent.name)
        return f"fresh weights: {network}, seed {seed}" if seed else f"fresh weights: {network}"
    if parent.kind == NAMED:
        return parent.name
    mark = f" ({parent.fingerprint[:8]})" if parent.fingerprint else ""
    return f"{parent.name}{mark}: not in this folder"


def _network(name: str) -> tuple[str, str]:
    """Network and seed of `random:NETWORK:SEED`."""
    network, _, seed = name.removeprefix("random:").rpartition(":")
    return (network, seed) if network and seed.isdigit() else (name.removeprefix("random:"), "")


def _children(names_: Sequence[str], last: tuple[bool, ...] | None) -> list[tuple[str, tuple[bool, ...]]]:
    """For the stack, the first child on top; None: they stand at the left."""
    ordered = sorted(names_, reverse=True)
    if last is None:
        return [(name, ()) for name in ordered]
    return [(name, (*last, place == 0)) for place, name in enumerate(ordered)]
