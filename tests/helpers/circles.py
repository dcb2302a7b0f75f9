"""Circles of imports between files, and the contract by which lint-imports forbids them (see pyproject.toml)."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from importlinter import Contract, ContractCheck, output
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


def files_in_circles(imports: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Groups of two and more files that reach each other; `imports`: file -> the files that it imports."""
    names = sorted(set(imports).union(*imports.values()))
    number = {name: at for at, name in enumerate(names)}
    pairs = np.array([(number[a], number[b]) for a, others in imports.items() for b in others]).reshape(-1, 2)
    edges = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(names), len(names)))
    group = connected_components(edges, connection="strong")[1]
    rooms = [[name for name in names if group[number[name]] == at] for at in np.unique(group)]
    return [room for room in rooms if len(room) > 1]


class NoCircles(Contract):  # type: ignore[misc]
    """No file reaches itself through its imports."""

    type_name = "no_circles"

    def check(self, graph: Any, verbose: bool) -> ContractCheck:
        """Look through the whole package."""
        found = files_in_circles({name: graph.find_modules_directly_imported_by(name) for name in graph.modules})
        return ContractCheck(kept=not found, metadata={"circles": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """One line for each circle."""
        for circle in check.metadata["circles"]:
            output.print_error(f"Each of these files reaches itself: {', '.join(circle)}")
