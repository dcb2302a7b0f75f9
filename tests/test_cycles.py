"""No circles: no file reaches itself through its imports, and no two neighbours in a folder need each other."""

import grimp
import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

# folders whose rooms need each other though no files do: an image set carries annotations that are read by its readers
KNOWN = {"regard.data", "regard.reuse", "regard.reuse.search"}


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph("regard", cache_dir=None, exclude_type_checking_imports=True)


def files_in_circles(imports):
    """Groups of two and more files that reach each other; `imports`: file -> the files that it imports."""
    names = sorted(set(imports).union(*imports.values()))
    number = {name: at for at, name in enumerate(names)}
    pairs = np.array([(number[a], number[b]) for a, others in imports.items() for b in others]).reshape(-1, 2)
    edges = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(names), len(names)))
    group = connected_components(edges, connection="strong")[1]
    rooms = [[name for name in names if group[number[name]] == at] for at in np.unique(group)]
    return [room for room in rooms if len(room) > 1]


def test_a_circle_is_seen():
    assert files_in_circles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "e": {"a"}}) == [["a", "b", "c"]]
    assert files_in_circles({"a": {"b", "c"}, "b": {"c"}}) == []


def test_no_file_reaches_itself(graph):
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    found = files_in_circles(imports)
    assert found == []


def test_neighbours_in_a_folder_have_an_order(graph):
    found = {name: graph.nominate_cycle_breakers(name) for name in sorted(graph.modules) if graph.find_children(name)}
    assert {name: sorted(pairs) for name, pairs in found.items() if pairs and name not in KNOWN} == {}
