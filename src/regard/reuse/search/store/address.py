"""Where a store is, as a line of text: in the index's own folder, at an object store's address, or on a Qdrant server.

`s3://bucket/photos`, `gs://...`, `az://...` are LanceDB tables; credentials come from the environment, as each cloud's
own tools read them. `qdrant:http://host:6333/NAME` is a collection of a server; a key is read from QDRANT_API_KEY.
"""

import os
from pathlib import Path
from typing import Any

import pyarrow as pa

from ....core.checks import bad
from .lance import LanceStore
from .protocol import Store

QDRANT = "qdrant:"
EXPECTED = "s3://BUCKET/NAME, another object store's address, or qdrant:http://HOST:6333/NAME"


def create_store(address: str, folder: Path, schema: pa.Schema) -> Store:
    """Make an empty store at an address, or in the folder where that is "".

    Raises:
        InputError: an address of no known form, or one where something is already.
        RunError: a server that cannot be reached.
    """
    if not address:
        return LanceStore.create(folder, schema)
    if address.startswith(QDRANT):
        from .qdrant import QdrantStore

        client, name = _qdrant(address)
        return QdrantStore.create(client, name, schema)
    _check(address)
    try:
        return LanceStore.create(address, schema)
    except (ValueError, RuntimeError, OSError) as error:
        raise bad(
            "--store", f"{address!r} ({str(error)[:200]})", "an address that can be written, and is empty"
        ) from error


def check_address(address: str) -> None:
    """Refuse an address of no known form; nothing is asked of it.

    Raises:
        InputError: as `create_store`.
    """
    if not address.startswith(QDRANT):
        _check(address)


def open_store(address: str, folder: Path, version: int | str | None = None) -> Store:
    """Open what `create_store` made, as it is now or as it was at a version or tag."""
    if not address:
        return LanceStore.open(folder, version)
    if address.startswith(QDRANT):
        from .qdrant import QdrantStore

        client, name = _qdrant(address)
        store = QdrantStore.open(client, name)
        return store if version is None else store.at(version)
    _check(address)
    return LanceStore.open(address, version)


def _check(address: str) -> None:
    scheme, apart, rest = address.partition("://")
    if not (scheme and apart and rest.strip("/")):
        raise bad("--store", repr(address), EXPECTED)


def _qdrant(address: str) -> tuple[Any, str]:
    url, _, name = address.removeprefix(QDRANT).rpartition("/")
    if not url.startswith(("http://", "https://")) or not name or url.count("/") != 2:
        raise bad("--store", repr(address), EXPECTED)
    try:
        from qdrant_client import QdrantClient
    except ImportError as error:
        raise bad(
            "--store", repr(address), "an environment with qdrant-client", "pip install regard[qdrant]"
        ) from error
    return QdrantClient(url=url, api_key=os.environ.get("QDRANT_API_KEY"), timeout=60, check_compatibility=False), name
