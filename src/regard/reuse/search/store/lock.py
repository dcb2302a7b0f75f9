"""Who may write: a lock file in a folder, and errors that say what is wrong with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ....core.checks import InputError, RunError, bad


@contextmanager
def locked(place: str, shared: bool = False, frozen: bool = False) -> Iterator[None]:
    """Hold a folder's lock: readers together, a writer alone. The system frees it when a process dies.

    An object store's address has no lock; there commits that conflict are repeated.
    """
    import fcntl

    if frozen:
        raise RunError("index: an earlier version can only be read")
    if "://" in place:
        yield
        return
    try:
        file = open(Path(place) / ".lock", "a")
    except FileNotFoundError:
        raise bad("index", f"{place!r}, which is no longer there", "a folder made by regard index") from None
    except PermissionError:
        if not shared:
            raise RunError(f"index {place!r}: this folder cannot be written to.") from None
        # a collection that may only be read is one that nobody here changes
        yield
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


@contextmanager
def readable(place: str) -> Iterator[None]:
    """Turn what a damaged or missing table raises into an error that says so."""
    try:
        yield
    except InputError:
        raise
    except (RuntimeError, ValueError, OSError) as error:
        raise bad(
            "index",
            f"{place!r}, whose table is damaged or missing ({str(error)[:200]})",
            "a folder made by regard index",
            "Make the index again from the images or the embeddings file.",
        ) from error
