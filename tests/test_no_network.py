"""No telemetry: the main work opens no connection and starts no process that could."""

import os
import subprocess
import sys

SCRIPT = """
import os, socket, sys

seen = []
def record(what, real):
    def call(*arguments, **more):
        import traceback
        seen.append((what, traceback.format_stack(limit=4)))
        return real(*arguments, **more)
    return call
os.fork = record("fork", os.fork)
socket.socket.connect = record("connect", socket.socket.connect)
socket.getaddrinfo = record("look-up", socket.getaddrinfo)

from regard import Embeddings, SearchIndex, TrainSettings, embed, train
from regard.data.builtin import builtin

images = builtin("digits").subset(slice(0, 64))
vectors = embed(images, "imagenet")
index = SearchIndex.create(sys.argv[1] + "/index", vectors)
index.search(vectors.vectors[:2], top=3)
train(images, "rotation", out=sys.argv[1] + "/run", settings=TrainSettings(steps=2, batch=8))
assert vectors.card["runner"].startswith("openvino"), vectors.card
print(len(seen), seen)
"""


def test_nothing_is_sent(tmp_path):
    # as if OpenVINO had never run here: it remembers a choice, but not whether it reported
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        env=os.environ | {"HOME": str(tmp_path), "REGARD_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("0 "), done.stdout
