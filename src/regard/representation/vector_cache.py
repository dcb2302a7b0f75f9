"""Vectors kept by the hash of the picture's bytes: nothing is embedded twice, and a killed run goes on.

One SQLite file for each representation, precision and layer, in the cache folder. SQLite commits are atomic and
survive a kill; several processes may write at once. SQLite does not look at what lies in a row, so each vector has a
checksum with it: of the fingerprint, the picture's hash and the numbers.
"""

import hashlib
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock

import numpy as np

from ..core.storage import cache_folder

TABLE = "CREATE TABLE vectors (hash TEXT PRIMARY KEY, vector BLOB, sum BLOB) WITHOUT ROWID"
# locked, full, read-only, no permission, no memory: SQLite's codes for what is no fault of the file
OUT_OF_REACH = (
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
)


class VectorCache:
    """Vectors by content hash, for one fingerprint.

    A cache is never a reason to fail: a file that is damaged, of another version or somebody's own is begun anew, and
    where there is no room, no permission or a lock that does not end, the work goes on without it. A vector that does
    not fit its checksum is as good as not there: it is made again and replaced.
    """

    def __init__(self, fingerprint: str, folder: Path | None = None) -> None:
        self.fingerprint = fingerprint
        self.path = (folder or cache_folder() / "vectors") / f"{fingerprint}.sqlite"
        self._lock = Lock()
        self._base: sqlite3.Connection | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connect()
        except sqlite3.Error as error:
            self._after(error)
        except OSError:
            pass  # no folder for it

    def get(self, content_hash: str) -> np.ndarray | None:
        """The vector (d,) float32 of a picture, or None."""
        with self._lock:
            if self._base is None:
                return None
            try:
                asked = "SELECT vector, sum FROM vectors WHERE hash = ?"
                found = self._base.execute(asked, (content_hash,)).fetchone()
            except sqlite3.Error as error:
                self._after(error)
                return None
        if found is None or not isinstance(found[0], bytes) or found[1] != self._sum(content_hash, found[0]):
            return None
        if len(found[0]) % 4:
            return None
        return np.frombuffer(found[0], np.float32)

    def put(self, vectors: Mapping[str, np.ndarray]) -> None:
        """Keep vectors, all of them or none."""
        plain = {key: np.ascontiguousarray(value, np.float32).tobytes() for key, value in vectors.items()}
        rows = [(key, numbers, self._sum(key, numbers)) for key, numbers in plain.items()]
        with self._lock:
            if self._base is None or not rows:
                return
            try:
                with self._base:
                    self._base.executemany("INSERT OR REPLACE INTO vectors (hash, vector, sum) VALUES (?, ?, ?)", rows)
            except sqlite3.Error as error:
                self._after(error)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._base is not None:
                self._base.close()
                self._base = None

    def _sum(self, content_hash: str, numbers: bytes) -> bytes:
        """Eight bytes; for 1,280 numbers 6 µs."""
        digest = hashlib.blake2b(f"{self.fingerprint}|{content_hash}|".encode(), digest_size=8)
        digest.update(numbers)
        return digest.digest()

    def _connect(self) -> None:
        base = sqlite3.connect(self.path, timeout=60, check_same_thread=False)
        self._base = base  # so that it is closed whatever comes
        base.text_factory = bytes  # what is no text is no error
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("PRAGMA synchronous=NORMAL")
        base.execute(TABLE.replace("TABLE", "TABLE IF NOT EXISTS", 1))
        if base.execute("SELECT sql FROM sqlite_master").fetchall() != [(TABLE.encode(),)]:
            raise sqlite3.DatabaseError("a file of another kind")

    def _after(self, error: sqlite3.Error) -> None:
        """Begin anew after damage; go on without a cache where the file is well but out of reach."""
        if self._base is not None:
            with suppress(sqlite3.Error):
                self._base.close()
            self._base = None
        if getattr(error, "sqlite_errorcode", -1) & 0xFF in OUT_OF_REACH:
            return
        try:
            for end in ("", "-wal", "-shm"):
                Path(f"{self.path}{end}").unlink(missing_ok=True)
            self._connect()
        except (OSError, sqlite3.Error):
            if self._base is not None:
                with suppress(sqlite3.Error):
                    self._base.close()
            self._base = None
