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
    """Vectors by content hash, for one fingerprint; a damaged file is set aside and begun anew."""

    def __init__(self, fingerprint: str, folder: Path | None = None) -> None:
        self.path = (folder or cache_folder() / "vectors") / f"{fingerprint}.sqlite"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = Lock()
        try:
            self._connect()
        except sqlite3.DatabaseError:
            self.path.replace(self.path.with_suffix(".damaged"))
            self._connect()

    def _connect(self) -> None:
        self._base = sqlite3.connect(self.path, timeout=60, check_same_thread=False)
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute("PRAGMA synchronous=NORMAL")
        self._base.execute("CREATE TABLE IF NOT EXISTS vectors (hash TEXT PRIMARY KEY, vector BLOB) WITHOUT ROWID")
        self._base.execute("SELECT count(*) FROM (SELECT 1 FROM vectors LIMIT 1)").fetchone()

    def get(self, content_hash: str) -> np.ndarray | None:
        """The vector (d,) float32 of a picture, or None."""
        with self._lock:
            row = self._base.execute("SELECT vector FROM vectors WHERE hash = ?", (content_hash,)).fetchone()
        return None if row is None else np.frombuffer(row[0], np.float32)

    def put(self, vectors: Mapping[str, np.ndarray]) -> None:
        """Keep vectors, all of them or none."""
        rows = [(key, np.ascontiguousarray(value, np.float32).tobytes()) for key, value in vectors.items()]
        with self._lock, self._base:
            self._base.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)

    def close(self) -> None:
        """Close the file."""
        self._base.close()
