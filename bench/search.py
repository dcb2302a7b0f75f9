"""Search in a million vectors: time, recall, memory, building; against exact search and against a graph index.

    python bench/search.py [--images 1000000] [--dim 512] [--queries 200] [--out FILE]

Vectors of `_mixture.py`. Bars: a single query through the sketch at most 25 ms (median) with recall@10 at least .99 and
at least 5 times faster than the exact product in float32, both with numpy on all processors; the sketch at most 1/30 of
float32; its making (with the measuring of its recall) under 1/10 of the time of faiss's HNSW (M 16, efConstruction 100,
all processors, in an environment of its own that the first run makes) at 100,000; adding one image to an index of
100,000 and finding it, at most 2 times as long as in one of 1,000.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _mixture import PIECE, Mixture, local_dimension
from _table import finish

from regard.representation.embeddings import Embeddings
from regard.reuse.search.index.collection import Collection
from regard.reuse.search.index.search_index import SearchIndex

PINNED = ("faiss-cpu>=1.15", "numpy>=2")
GRAPH = """
import sys, time, faiss, numpy as np
x = np.load(sys.argv[1])
start = time.perf_counter()
index = faiss.IndexHNSWFlat(x.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
index.hnsw.efConstruction = 100
index.add(x)
print(time.perf_counter() - start)
"""


def main() -> int:
    """Print the table; 1 where a figure falls short of its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--data", help="not used; the vectors are made")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    mixture = Mixture(given.dim)
    rows = large(mixture, given.images, given.queries)
    rows += building(mixture.sample(100_000, 3))
    rows += adding(mixture)
    return finish("search", rows, given.out)


def large(mixture: Mixture, n: int, many: int) -> list[dict[str, Any]]:
    """Single queries among n vectors."""
    collection = Collection(mixture.dim)
    for place, piece in enumerate(mixture.pieces(n)):
        collection.put([str(place * PIECE + row) for row in range(len(piece))], piece)
        print(f"{len(collection)} vectors made", file=sys.stderr, flush=True)
    queries = mixture.sample(many, 2)
    vectors = collection.vectors.all()
    collection.search(queries[:1], 10, strategy="sketch")  # makes the sketch
    took, hits, distances = {"sketch": [], "exact": []}, 0, []
    # each way by itself, as it is used: in turns, every exact product would empty the processor's cache of the sketch
    nearest = []
    for query in queries:
        near, seconds = timed(lambda query=query: plain(vectors, query))
        took["exact"].append(seconds)
        nearest.append(set(near[0][:10].tolist()))
        distances.append(np.sqrt(np.maximum(2 - 2 * near[1], 0)))
    for query, near in zip(queries, nearest):
        found, seconds = timed(lambda query=query: collection.search(query[None], 10, strategy="sketch"))
        took["sketch"].append(seconds)
        hits += len(set(found[0][0].tolist()) & near)
    p50 = {name: 1000 * float(np.median(seconds)) for name, seconds in took.items()}
    mean = np.sqrt(2 - 2 * float((vectors[:20_000] @ queries.T).mean()))
    what = f"{n:,} x {mixture.dim}"
    return [
        {"what": f"{what}: local dimension", "value": local_dimension(np.array(distances))},
        {"what": f"{what}: contrast", "value": mean / float(np.mean([d[0] for d in distances]))},
        {"what": f"{what}: single query, median", "value": p50["sketch"], "unit": "ms", "at_most": 25},
        {
            "what": f"{what}: 95 % of queries within",
            "value": 1000 * float(np.quantile(took["sketch"], 0.95)),
            "unit": "ms",
        },
        {"what": f"{what}: recall@10", "value": hits / (10 * many), "at_least": 0.99},
        {"what": f"{what}: recall@10 as the index estimates it", "value": collection.recall},
        {"what": f"{what}: exact in float32, median", "value": p50["exact"], "unit": "ms"},
        {"what": f"{what}: times faster than that", "value": p50["exact"] / p50["sketch"], "at_least": 5},
        {
            "what": f"{what}: sketch by float32, memory",
            "value": collection.sketch_bytes / vectors.nbytes,
            "at_most": 1 / 30,
        },
    ]


def plain(vectors: np.ndarray, query: np.ndarray, top: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """The nearest by one product over all, as one would write it."""
    scores = vectors @ query
    best = np.argpartition(-scores, top)[:top]
    best = best[np.argsort(-scores[best])]
    return best, scores[best]


def timed(action: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and the seconds it took."""
    start = time.perf_counter()
    found = action()
    return found, time.perf_counter() - start


def building(x: np.ndarray) -> list[dict[str, Any]]:
    """The time of making the sketch of these vectors, and a graph of them."""
    collection = Collection(x.shape[1])
    collection.put([str(row) for row in range(len(x))], x)
    _, ours = timed(lambda: collection.search(x[:1], 10, strategy="sketch"))
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "x.npy", x)
        done = subprocess.run(
            [graph_python(), "-c", GRAPH, f"{folder}/x.npy"], capture_output=True, text=True, check=True
        )
    theirs = float(json.loads(done.stdout))
    what = f"{len(x):,} x {x.shape[1]}"
    return [
        {"what": f"{what}: the sketch is made in", "value": ours, "unit": "s"},
        {"what": f"{what}: faiss's HNSW is made in", "value": theirs, "unit": "s"},
        {"what": f"{what}: share of that", "value": ours / theirs, "at_most": 0.1},
    ]


def adding(mixture: Mixture, times: int = 15) -> list[dict[str, Any]]:
    """One image added and found at once, in a small index and in a large one, in turns."""
    seconds: dict[int, list[float]] = {1_000: [], 100_000: []}
    with tempfile.TemporaryDirectory() as folder:
        indices = {}
        for n in seconds:
            known = Embeddings(mixture.sample(n, 4), np.array([f"n{i}" for i in range(n)]))
            indices[n] = SearchIndex.create(Path(folder) / str(n), known)
            indices[n].maintain()
            indices[n].search(known.vectors[0], 1)
        for turn, vector in enumerate(mixture.sample(times + 1, 5)):
            for n, index in indices.items():
                new = Embeddings(vector[None], np.array([f"new{turn}"]))
                _, took = timed(lambda index=index, new=new: index.add(new))
                if turn:
                    seconds[n].append(took)
                assert index.search(vector, 1)[0][0].id == f"new{turn}"
    middle = {n: float(np.median(values)) for n, values in seconds.items()}
    rows = [{"what": f"one image added to {n:,}", "value": 1000 * value, "unit": "ms"} for n, value in middle.items()]
    return [*rows, {"what": "ratio of the two", "value": middle[100_000] / middle[1_000], "at_most": 2}]


def graph_python() -> Path:
    """The interpreter of an environment with faiss, made on first use under the cache folder."""
    cache = Path(os.environ.get("REGARD_CACHE", Path.home() / ".cache" / "regard"))
    python = cache / "bench-faiss" / "bin" / "python"
    if subprocess.run([python, "-c", "import faiss"], capture_output=True).returncode if python.exists() else True:
        print(f"making {python.parent.parent} with faiss", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", python.parent.parent], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PINNED], check=True)
    return python


if __name__ == "__main__":
    raise SystemExit(main())
