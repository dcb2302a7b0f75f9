"""Who may write: a lock file in a folder, and errors that say what is wrong with it."""

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ....core.checks import InputError, RunError, bad

LOCK = ".lock"
TRIES = 20
PAUSE = 0.01  # seconds; between the two renames of a replacement there is no folder for an instant
# a folder that may only be read, also as somebody else's, on a disk that is mounted so, or on one that is full
_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)


@contextmanager
def locked(place: str, shared: bool = False, frozen: bool = False) -> Iterator[None]:
    """Hold a folder's lock: readers together, a writer alone. The system frees it when a process dies.

    An object store's address has no lock; there commits that conflict are repeated.

    Raises:
        InputError: there is no such folder.
        RunError: it is to be written to, and cannot be.
    """
    if frozen:
        raise RunError("index: an earlier version can only be read")
    if "://" in place:
        yield
        return
    file = _taken(place, shared)
    if file is None:
        yield
        return
    with file:
        yield


def _taken(place: str, shared: bool) -> IO[str] | None:
    """The lock file, locked; None where a reader gets no lock, as then nobody here changes a thing."""
    import fcntl

    for _ in range(TRIES):
        file = _open(place, shared)
        if file is None:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        except OSError as error:  # a file system without locks
            file.close()
            if shared:
                return None
            raise RunError(f"index {place!r}: this folder cannot be locked: {error}") from error
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), os.stat(Path(place) / LOCK)):
                return file
        file.close()  # another folder has taken this one's place while its lock was waited for
    raise RunError(f"index {place!r}: others keep replacing it. Try again.")


def _open(place: str, shared: bool) -> IO[str] | None:
    path = Path(place) / LOCK
    try:
        for _ in range(TRIES):
            with suppress(FileNotFoundError):
                return open(path, "a")
            time.sleep(PAUSE)
        raise bad("index", f"{place!r}, which is no longer there", "a folder made by regard index")
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise RunError(f"index {place!r}: its lock cannot be opened: {error}") from error
        if not shared:
            raise RunError(f"index {place!r}: this folder cannot be written to ({error.strerror}).") from None
    with suppress(OSError):
        return open(path)  # others may write, and a reader's lock keeps them off all the same
    return None


@contextmanager
def readable(place: str) -> Iterator[None]:
    """Turn what a damaged or missing table raises into an error that says so."""
    try:
        yield
    except (InputError, RunError):
        raise
    except (RuntimeError, ValueError, OSError) as error:
        raise bad(
            "index",
            f"{place!r}, whose table is damaged or missing ({str(error)[:200]})",
            "a folder made by regard index",
            "Make the index again from the images or the embeddings file.",
        ) from error
