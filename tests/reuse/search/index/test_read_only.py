"""An index that may only be read, as somebody else's on a shared disk, answers as one that may be written to."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from regard.core.checks import RunError
from regard.representation.embeddings import Embeddings
from regard.reuse.search.index.search_index import SearchIndex
from regard.reuse.search.store.lock import locked

SCRIPT = """
import contextlib, io, json, os, shutil, sys
from pathlib import Path
import numpy as np
from PIL import Image
from regard import cli
from regard.reuse.search.nearest import strategy as strategies

folder = Path(sys.argv[1])
(folder / "photos").mkdir()
draw = np.random.default_rng(0)
for k in range(6):
    Image.fromarray(draw.integers(0, 255, (40, 40, 3), np.uint8)).save(folder / "photos" / f"{k}.png")
shutil.copy(folder / "photos" / "0.png", folder / "photos" / "again.png")
small = ["--with", "random:timm:test_resnet", "--precision", "fp32", "-q"]
assert cli.main(["index", str(folder / "photos"), "--out", str(folder / "mine"), "--tag", "first", *small]) == 0
assert cli.main(["duplicates", str(folder / "mine"), "0.png", "1.png", "--decide", "different", "-q"]) == 0
shutil.copytree(folder / "mine", folder / "theirs")
for path in [*folder.rglob("*"), folder]:
    path.chmod((0o755 if path.is_dir() else 0o644) & (0o555 if "theirs" in path.parts else 0o777))

def asked(name):
    index, told = str(folder / name), []
    for line in (
        ["search", index, "--id", "0.png", "--top", "3"],
        ["search", index, "--id", "1.png", "--top", "3", "--where", "id != '2.png'", "--at", "first"],
        ["search", index, str(folder / "photos" / "3.png"), "--precision", "fp32"],
        ["duplicates", index],
        ["duplicates", index, "--decisions"],
        ["index", str(folder / "photos"), "--out", index, "--remove"],
        ["index", str(folder / "photos"), "--out", index, "--update"],
        ["duplicates", index, "0.png", "1.png", "--decide", "same"],
        ["duplicates", index, "--undo", "0.png", "1.png"],
    ):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main([*line, "--json", "-q"])
        found = json.loads(out.getvalue())
        told.append((code, {key: found[key] for key in ("results", "pairs", "groups") if key in found}, err.getvalue()))
    return told

mine = asked("mine")  # what is imported late may not be there for another user
if not os.getuid():  # root may write anywhere
    os.setgid(65534)
    os.setuid(65534)
print(json.dumps([mine, asked("theirs")]))
"""


def test_it_is_searched_and_what_would_change_it_says_so():
    with TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, "-c", SCRIPT, folder], capture_output=True, text=True)
        for path in (Path(folder) / "theirs").rglob("*"):
            path.chmod(0o755)
    assert done.returncode == 0, done.stderr
    mine, theirs = json.loads(done.stdout.splitlines()[-1])
    for place in range(5):
        assert theirs[place][:2] == mine[place][:2], (place, theirs[place])
    assert theirs[0][0] == 0 and theirs[3][0] == 0
    for code, _, told in theirs[5:]:
        assert code in (1, 2) and "be written to" in told and "Traceback" not in told


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("there", [True, False])
def test_every_reason_not_to_be_written_to(tmp_path, monkeypatch, number, there):
    index = SearchIndex.create(tmp_path / "ix", Embeddings(np.eye(4), np.array(list("abcd"))))
    real = open

    def refusing(path, mode="r", *more, **named):
        if "a" in mode or (not there and str(path).endswith(".lock")):
            raise OSError(number, os.strerror(number), str(path))
        return real(path, mode, *more, **named)

    monkeypatch.setattr("builtins.open", refusing)
    opened = SearchIndex.open(tmp_path / "ix")
    assert opened.search(np.eye(4)[1], 1)[0][0].id == "b" and len(index) == 4
    with pytest.raises(RunError, match="this folder cannot be written to"):
        opened.remove(["a"])


def test_a_file_system_without_locks_is_read(tmp_path, monkeypatch):
    index = SearchIndex.create(tmp_path / "ix", Embeddings(np.eye(4), np.array(list("abcd"))))
    monkeypatch.setattr("fcntl.flock", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOLCK, "No locks available")))
    assert index.search(np.eye(4)[1], 1)[0][0].id == "b"
    with pytest.raises(RunError, match="cannot be locked"), locked(str(index.folder)):
        pass
