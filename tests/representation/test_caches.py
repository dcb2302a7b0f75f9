"""A cache that is damaged, somebody else's, of another version, read-only or full: made anew or done without."""

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from regard.backbones.encoder import make_encoder
from regard.core.checks import RunError
from regard.representation import openvino_graph
from regard.representation.embed import embed
from regard.representation.runner import Pixels
from regard.representation.vector_cache import TABLE, VectorCache

VECTORS = {f"{i:032x}": np.random.default_rng(i).standard_normal(48).astype(np.float32) for i in range(5)}
NETWORK = "random:convnet4"


def use(folder):
    """What comes out of a cache, and whether it keeps what is put in afterwards."""
    cache = VectorCache("print", folder)
    found = {key: cache.get(key) for key in VECTORS}
    cache.put(VECTORS)
    again = {key: cache.get(key) for key in VECTORS}
    cache.close()
    for key, vector in found.items():
        assert vector is None or np.array_equal(vector, VECTORS[key])
    return all(vector is not None and np.array_equal(vector, VECTORS[key]) for key, vector in again.items())


SCHEMAS = [
    "CREATE TABLE vectors (hash TEXT PRIMARY KEY, vector BLOB) WITHOUT ROWID",
    "CREATE TABLE vectors (key TEXT, vector BLOB, sum BLOB)",
    "CREATE TABLE vectors (hash TEXT, numbers BLOB, sum BLOB)",
    "CREATE TABLE vectors (hash INTEGER PRIMARY KEY, vector REAL, sum INTEGER)",
    "CREATE TABLE photos (x); CREATE VIEW vectors AS SELECT x AS hash, x AS vector, x AS sum FROM photos",
    "CREATE VIEW vectors AS WITH RECURSIVE n(hash) AS (SELECT 'a' UNION ALL SELECT hash FROM n) SELECT hash, hash AS "
    "vector, hash AS sum FROM n",
    TABLE + "; CREATE TABLE more (x)",
    TABLE + "; CREATE TRIGGER t BEFORE INSERT ON vectors BEGIN SELECT RAISE(ABORT, 'no'); END",
    TABLE + "; CREATE TRIGGER t AFTER INSERT ON vectors BEGIN DELETE FROM vectors; END",
    TABLE.replace("PRIMARY KEY", "PRIMARY KEY CHECK (hash = 'x')"),
    "CREATE VIRTUAL TABLE vectors USING fts5(hash, vector, sum)",
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_cache_of_another_make_is_begun_anew(tmp_path, schema):
    base = sqlite3.connect(tmp_path / "print.sqlite")
    base.executescript(schema)
    base.close()
    assert use(tmp_path)


@pytest.mark.parametrize("place", range(24))
def test_a_cache_with_damage_anywhere_gives_no_wrong_vector_and_no_error(tmp_path, place):
    use(tmp_path)
    path = tmp_path / "print.sqlite"
    data = bytearray(path.read_bytes())
    draw = np.random.default_rng(place)
    if place < 8:
        data = data[: int(draw.integers(0, len(data)))]
    elif place < 16:
        start = int(draw.integers(0, len(data)))
        data[start : start + 512] = draw.integers(0, 256, len(data[start : start + 512]), np.uint8).tobytes()
    else:
        at = [16, 18, 19, 20, 44, 47, 56, 100][place - 16]  # the header: page size, versions, formats, encoding, a page
        data[at] ^= 0x5A
    path.write_bytes(bytes(data))
    use(tmp_path)
    assert use(tmp_path) or place >= 8, "what was damaged was not begun anew"


@pytest.mark.parametrize("ending", ["", "-wal", "-shm"])
@pytest.mark.parametrize("what", [b"junk" * 5000, b"", b"\0" * 100_000, "folder", "link"])
def test_files_beside_it_and_in_its_place(tmp_path, ending, what):
    path = tmp_path / f"print.sqlite{ending}"
    if what == "folder":
        path.mkdir()
    elif what == "link":
        path.symlink_to(tmp_path / "nowhere" / "at all")
    else:
        path.write_bytes(what)
    kept = use(tmp_path)
    assert kept or what in ("folder", "link")


def test_text_that_is_none_and_wrong_kinds_in_a_row(tmp_path):
    use(tmp_path)
    first = next(iter(VECTORS))
    base = sqlite3.connect(tmp_path / "print.sqlite")
    with base:
        base.execute(
            "UPDATE vectors SET vector = CAST(x'ff00fe' AS TEXT), sum = CAST(x'ff' AS TEXT) WHERE hash = ?", [first]
        )
    base.close()
    assert use(tmp_path)


IMAGES = [np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)]


def graphs(own_cache):
    return sorted(path for path in (own_cache / "openvino").rglob("*") if path.is_file())


@pytest.mark.parametrize("damage", ["folders", "link", "other network", "nothing to read"])
def test_what_lies_in_the_folder_of_graphs_is_not_trusted(own_cache, damage, monkeypatch):
    (own_cache / "openvino").unlink()  # the one that tests share
    monkeypatch.setattr(openvino_graph, "SMALL", -1)  # nothing stays in memory
    monkeypatch.setattr(openvino_graph, "_last", {})
    sound = embed(IMAGES, NETWORK, cache=False)
    mine = graphs(own_cache)
    if damage == "other network":
        embed(IMAGES, NETWORK + ":7", cache=False)
        others = [path for path in graphs(own_cache) if path not in mine]
        for ending in (".xml", ".bin", ".hash"):
            (source,) = (path for path in others if path.suffix == ending)
            (target,) = (path for path in mine if path.suffix == ending)
            shutil.copy(source, target)
    for path in mine:
        if damage == "folders":
            path.unlink()
            path.mkdir()
        elif damage == "link":
            path.unlink()
            path.symlink_to(path)
        elif damage == "nothing to read":
            path.write_bytes(b"")
    made = embed(IMAGES, NETWORK, cache=False)
    assert made.card["runner"] == sound.card["runner"] and not made.card.get("runner_note")
    np.testing.assert_array_equal(made.vectors, sound.vectors)


def test_a_small_graph_stays_in_memory_and_is_never_taken_for_another_network(monkeypatch):
    monkeypatch.setattr(openvino_graph, "_last", {})
    compiles = []
    real = openvino_graph.compile_graph
    monkeypatch.setattr(openvino_graph, "compile_graph", lambda *given: compiles.append(given) or real(*given))
    one, other = (Pixels(make_encoder("convnet4", seed=seed).eval(), None).eval() for seed in (0, 1))
    first = openvino_graph.compiled(one, 32, 8, "fp32", "stays")
    assert openvino_graph.compiled(one, 32, 8, "fp32", "stays")[0] is first[0] and len(compiles) == 1
    with pytest.raises(RunError, match="departs from torch"):  # as the file of that name does
        openvino_graph.compiled(other, 32, 8, "fp32", "stays")
    for batch in (1, 2, 3):
        openvino_graph.compiled(one, 32, batch, "fp32", "stays")
    assert [place[2] for place in openvino_graph._last] == [2, 3] and len(compiles) == 5


OUT_OF_REACH = """
import os, resource, sys
import numpy as np
from regard.representation import openvino_graph
from regard.representation.embed import embed
images = [np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)]
embed(images, "random:timm:test_resnet")  # what is imported late may not be there for another user

def told(how, cache):
    os.environ["REGARD_CACHE"] = cache
    openvino_graph._last.clear()
    made = embed(images, "random:convnet4")
    print(how, "|", made.card["runner"], "|", made.card.get("runner_note") or "")

# as on disks with no room: no file may grow
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
told("full", sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
if not os.getuid():  # root may write anywhere
    os.setgid(65534)
    os.setuid(65534)
for cache in sys.argv[2:]:
    told("not mine", cache)
"""


@pytest.fixture(scope="module")
def out_of_reach():
    """Who ran a network for each cache that could not be written to, and what was noted: lines by what was wrong."""
    with TemporaryDirectory() as above:
        Path(above).chmod(0o755)
        caches = [Path(above) / name for name in ("full", "read-only", "out of sight", "file")]
        caches[0].mkdir(0o755)
        caches[1].mkdir(0o555)
        caches[2].mkdir(0o000)
        caches[3].write_text("")
        line = [sys.executable, "-c", OUT_OF_REACH, *map(str, caches)]
        done = subprocess.run(line, capture_output=True, text=True)
        caches[2].chmod(0o700)
    assert done.returncode == 0 and not done.stderr.strip(), done.stderr
    told = [[part.strip() for part in line.split("|")] for line in done.stdout.splitlines()]
    return {how: [rest for name, *rest in told if name == how] for how in ("full", "not mine")}


@pytest.mark.parametrize("how", ["full", "not mine"])
def test_a_cache_that_cannot_be_written_to_fails_nothing_and_is_not_blamed_on_openvino(how, out_of_reach):
    for runner, note in out_of_reach[how]:
        if how == "full":  # not even elsewhere is there room for a graph: torch stands in, and says so once
            assert note.count("OpenVINO cannot convert") == note.count("no disk has room for its graph") == 1
        else:
            assert runner.startswith("openvino") and not note
    assert len(out_of_reach[how]) == {"full": 1, "not mine": 3}[how]
