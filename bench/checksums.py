"""What checksums cost: 1,000 images embedded with a saved representation, as whole processes, with them and without.

Pairs in turn, with first and without first by turns; the ratio is of the processors' time (user and system), the
median over the pairs: other work on the machine moves it less than the clock. Beside it the time spent in comparing
itself, clocked inside one process. Networks: EfficientNet-Lite0 (14 MB), and AlexNet, which has the most weights for
the least work (230 MB); vectors made afresh, and all of them from the cache. Bar: at most 3 % more.

    python bench/checksums.py [--images 1000] [--pairs 5] [--work FOLDER] [--out FILE.json]
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from _photos import make_jpegs
from _table import finish

BAR = 1.03
RUN = """
import json, sys, time
from regard.representation import checksums
from regard.representation.vector_cache import VectorCache
folder, rep, how = sys.argv[1:]
spent = [0.0]
def clocked(action):
    def timed(*given):
        start = time.thread_time()
        try: return action(*given)
        finally: spent[0] += time.thread_time() - start
    return timed
if how == "without":
    checksums.check_folder = lambda *given: None
    VectorCache._sum = lambda *given: b""
if how == "clocked":
    checksums.check_folder = clocked(checksums.check_folder)
    VectorCache._sum = clocked(VectorCache._sum)
from regard.representation.embed import embed
found = embed(folder, rep)
print(json.dumps({"spent": spent[0], "all": time.process_time(), "images": len(found),
                  "cached": found.card["from_cache"]}))
"""


def main() -> int:
    """Run the pairs, print the table; 1 where a figure falls short of its bar."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--work", type=Path, help="where the JPEGs go (default: a temporary folder)")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    from regard.representation.representation import Representation

    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        images = (options.work or scratch) / "images"
        make_jpegs(images, options.images, megapixels=0.25)
        for name in ("imagenet", "random:torchvision:alexnet"):
            rep = Representation.load(name).save(scratch / name.replace(":", "-"))
            for cached in (False, True):
                rows += measure(images, rep, scratch / "cache", cached, options.pairs)
    return finish("checksums", rows, options.out)


def measure(images: Path, rep: Path, cache: Path, cached: bool, pairs: int) -> list[dict[str, object]]:
    """The rows of one network, its vectors made afresh or all from the cache."""
    # a cache for each way; the first run fills it, and keeps the traced network
    for how in ("with", "without"):
        run(images, rep, cache / how, how, cached=False)
    ratios, seconds = [], []
    for turn in range(pairs):
        used = {how: 0.0 for how in (("with", "without") if turn % 2 else ("without", "with"))}
        for how in used:
            used[how] = run(images, rep, cache / how, how, cached)[0]
        ratios.append(used["with"] / used["without"])
        seconds.append(used["without"])
    _, told = run(images, rep, cache / "with", "clocked", cached)
    what = f"{rep.name}, {told['images']} images, {'all from the cache' if cached else 'made afresh'}"
    return [
        {"what": f"{what}: without checksums", "value": statistics.median(seconds), "unit": "s of processors"},
        {
            "what": f"{what}: with / without, median of {pairs} pairs",
            "value": statistics.median(ratios),
            "at_most": BAR,
        },
        {"what": f"{what}: smallest of the pairs", "value": min(ratios)},
        {"what": f"{what}: largest of the pairs", "value": max(ratios)},
        {"what": f"{what}: 1 + share spent in comparing", "value": 1 + told["spent"] / told["all"], "at_most": BAR},
    ]


def run(images: Path, rep: Path, cache: Path, how: str, cached: bool) -> tuple[float, dict[str, float]]:
    """One process: its seconds of user and system time, and what it says of itself."""
    if not cached:
        shutil.rmtree(cache / "vectors", ignore_errors=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-W", "ignore", "-c", RUN, str(images), str(rep), how]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | {"REGARD_CACHE": str(cache)}
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = json.loads(done.stdout.splitlines()[-1])
    if told["cached"] != (told["images"] if cached else 0):
        raise SystemExit(f"checksums: {told['cached']} vectors came from the cache")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, told


if __name__ == "__main__":
    sys.exit(main())
