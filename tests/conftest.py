"""What all tests share: a cache folder of their own, and a few images."""

import gc
import itertools
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from regard.data.imageset import ImageSet
    from regard.representation.representation import Representation

# several processes share the processors; threads that outnumber them wait for one another
if workers := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) - 1:
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // (workers + 1))))

COUNT = itertools.count()


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has an empty cache of vectors and no settings; traced networks are shared: they depend on nothing."""
    base = tmp_path_factory.getbasetemp()
    # counted here: `mktemp` looks through all that tests before made
    folder = base / "caches" / str(next(COUNT))
    folder.mkdir(parents=True)
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "openvino"  # by all workers, too
    shared.mkdir(exist_ok=True)
    (folder / "openvino").symlink_to(shared)
    monkeypatch.setenv("REGARD_CACHE", str(folder))
    monkeypatch.setenv("REGARD_CONFIG", str(folder / "settings"))
    return folder


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What fixtures of a module or of the session keep does not go to the user's own cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGARD_CACHE", str(tmp_path_factory.mktemp("session-cache")))
        yield


@pytest.fixture(scope="session")
def rep() -> "Representation":
    """The smallest network of our own, with drawn weights; not to be changed."""
    from regard.representation.representation import Representation

    return Representation.load("random:convnet4")


@pytest.fixture(scope="session")
def digits() -> "tuple[ImageSet, ImageSet]":
    """200 handwritten digits to learn from, and 200 to score on."""
    from regard.data.builtin import builtin

    every = builtin("digits")
    return every.subset(np.arange(0, 200)), every.subset(np.arange(1000, 1200))


@pytest.fixture(scope="session")
def tuned(digits: "tuple[ImageSet, ImageSet]", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of fine-tuning on `digits`, which names some of them; not to be changed."""
    from regard.learning.settings import TrainSettings
    from regard.reuse.finetune import finetune

    out = tmp_path_factory.mktemp("runs") / "tuned"
    settings = TrainSettings(steps=30, batch=32, precision="fp32", device="cpu", lr=5e-3)
    finetune(*digits, "random:convnet4", out=out, settings=settings, method={"recipe": "none"})
    return out


@pytest.fixture
def picture() -> np.ndarray:
    """A smooth colour picture (48, 64, 3) uint8 with structure in both directions."""
    y, x = np.mgrid[0:48, 0:64]
    waves = np.stack([np.sin(x / 9 + y / 5), np.cos(y / 7), np.sin(x * y / 300)], axis=-1)
    return (waves * 100 + 128).astype(np.uint8)


@pytest.fixture
def class_folder(tmp_path: Path) -> Path:
    """A folder with two classes of twelve small pictures each: stripes along and across, with noise."""
    rng = np.random.default_rng(0)
    for label in ("across", "along"):
        folder = tmp_path / "images" / label
        folder.mkdir(parents=True)
        for index in range(12):
            y, x = np.mgrid[0:40, 0:40]
            stripes = np.sin((x if label == "along" else y) / 2 + rng.uniform(0, 6)) * 80 + 128
            noisy = np.clip(stripes[..., None] + rng.normal(0, 15, (40, 40, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(folder / f"{index:02}.png")
    return tmp_path / "images"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what was measured to be slow (tests/slow.py), and leave browser tests out where there is no Chromium."""
    slow = set(Path(__file__).with_name("slow.txt").read_text(encoding="utf-8").splitlines())
    for item in items:
        if item.nodeid in slow:
            item.add_marker(pytest.mark.slow)
    if any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        return
    away = [item for item in items if item.get_closest_marker("browser")]
    items[:] = [item for item in items if not item.get_closest_marker("browser")]
    config.hook.pytest_deselected(items=away)


STARTED = pytest.StashKey[float]()


def processor() -> float:
    """Seconds of processor time that this process used, and those that it waited for."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """Begin to count what the test costs."""
    item.stash[STARTED] = processor()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Put it into the report (--junitxml), where tests/slow.py finds it: the clock tells of others, too."""
    try:
        return (yield)
    finally:
        item.user_properties.append(("processor", f"{processor() - item.stash[STARTED]:.2f}"))


def pytest_collection_finish() -> None:
    """What collecting made stays to the end: the garbage collector need not walk through it again and again."""
    gc.collect()
    gc.freeze()


def pytest_report_header() -> str:
    """Say whether the browser tests run."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    return f"browser tests: {found or 'left out, there is no Chromium'}"
