"""Vectors kept by the hash of the picture's bytes: nothing is embedded twice, and a killed run goes on.

One SQLite file for each representation, precision and layer, in the cache folder. SQLite commits are atomic and
survive a kill; several processes may write at once.
"""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

import numpy as np

from ..core.storage import cache_folder


class VectorCache:
    """Vectors by content hash, for one fingerprint.

    A cache is never a reason to fail: a damaged file is set aside and begun anew, and where there is no room, no
    permission or a lock that does not end, the work goes on without it.
    """

    def __init__(self, fingerprint: str, folder: Path | None = None) -> None:
        self.path = (folder or cache_folder() / "vectors") / f"{fingerprint}.sqlite"
        self._lock = Lock()
        self._base: sqlite3.Connection | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connect()
        except sqlite3.DatabaseError as error:
            self._after(error)
        except OSError:
            pass  # no folder for it

    def get(self, content_hash: str) -> np.ndarray | None:
        """The vector (d,) float32 of a picture, or None."""
        with self._lock:
            if self._base is None:
                return None
            try:
                found = self._base.execute("SELECT vector FROM vectors WHERE hash = ?", (content_hash,)).fetchone()
            except sqlite3.DatabaseError as error:
                self._after(error)
                return None
        return None if found is None else np.frombuffer(found[0], np.float32)

    def put(self, vectors: Mapping[str, np.ndarray]) -> None:
        """Keep vectors, all of them or none."""
        rows = [(key, np.ascontiguousarray(value, np.float32).tobytes()) for key, value in vectors.items()]
        with self._lock:
            if self._base is None or not rows:
                return
            try:
                with self._base:
                    self._base.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
            except sqlite3.DatabaseError as error:
                self._after(error)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._base is not None:
                self._base.close()
                self._base = None

    def _connect(self) -> None:
        base = sqlite3.connect(self.path, timeout=60, check_same_thread=False)
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("PRAGMA synchronous=NORMAL")
        base.execute("CREATE TABLE IF NOT EXISTS vectors (hash TEXT PRIMARY KEY, vector BLOB) WITHOUT ROWID")
        self._base = base

    def _after(self, error: sqlite3.DatabaseError) -> None:
        """Begin anew after damage; go on without a cache after anything else (locked, full, read-only)."""
        if self._base is not None:
            self._base.close()
            self._base = None
        if isinstance(error, sqlite3.OperationalError):
            return
        try:
            for end in ("", "-wal", "-shm"):
                Path(f"{self.path}{end}").unlink(missing_ok=True)
            self._connect()
        except (OSError, sqlite3.DatabaseError):
            self._base = None
