"""One collection in place of another: whatever happens, one of the two stands under the name.

Two folders cannot change places in one step, so the old one waits beside as `.NAME.PID.old` for a moment. Who finds it
there later, under its lock, knows that whoever put it there is gone: it is put back, or cleared away.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ....core.checks import InputError, RunError
from ....core.leftovers import clear
from ...duplicates.groups import REMEMBERED
from ..store.lock import locked

CARD = "card.json"


def take_place(beside: Path, target: Path, only_if: Callable[[], bool] | None = None) -> bool:
    """Move a collection to `target`, in place of an empty folder or another collection, which comes back on failure.

    Args:
        beside: the new one.
        target: where it goes.
        only_if: asked once the lock of the collection that is there is held; where it says no, all stays as it is.

    Returns:
        Whether it was moved.
    """
    if not (target / CARD).exists():
        clear(target)  # of what a killed process left there
        os.replace(beside, target)
        return True
    aside = target.with_name(f".{target.name}.{os.getpid()}.old")
    with locked(str(target)):
        if only_if is not None and not only_if():
            return False
        if (target / REMEMBERED).exists():  # by content, so that they hold for the new collection, too
            shutil.copyfile(target / REMEMBERED, beside / REMEMBERED)
        os.replace(target, aside)
        try:
            os.replace(beside, target)
        except BaseException:
            os.replace(aside, target)
            raise
    shutil.rmtree(aside, ignore_errors=True)
    return True


def settle(target: Path) -> None:
    """Finish what a killed replacement left: put the old collection back where there is none, else clear it away."""
    with suppress(OSError):  # the folder above may not be ours to list or to change: opening says what is missing
        found = [path for path in target.parent.iterdir() if _is_old(path, target.name)]
        for old in sorted(found, key=lambda path: (path / CARD).stat().st_mtime, reverse=True):
            # a replacement at work holds this lock, and its own end is better
            with suppress(InputError, RunError), locked(str(old)):
                if (target / CARD).exists():
                    shutil.rmtree(old, ignore_errors=True)
                else:
                    os.replace(old, target)


def _is_old(path: Path, name: str) -> bool:
    pid = path.name.removeprefix(f".{name}.").removesuffix(".old")
    return path.name == f".{name}.{pid}.old" and pid.isdigit() and (path / CARD).exists()
