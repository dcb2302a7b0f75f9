"""Where a store is, as a line of text: in the index's own folder, at an object store's address, or on a Qdrant server.

`s3://bucket/photos`, `gs://...`, `az://...` are LanceDB tables; credentials come from the environment, as each cloud's
own tools read them. `qdrant:https://host:6333/NAME` is a collection of a server; a key is read from QDRANT_API_KEY and
goes to no other host, nor over plain http to another machine. `allowed.py` says which addresses are followed.
"""

import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from ....core.checks import bad
from .allowed import QDRANT, check_allowed, confirm, is_loopback, origin_of, qdrant_parts
from .lance import LanceStore
from .protocol import Store

KEY = "QDRANT_API_KEY"


def create_store(address: str, folder: Path, schema: pa.Schema) -> Store:
    """Make an empty store at an address that the user named, or in the folder where that is "".

    Raises:
        InputError: an address of no known form, or one where something is already.
        RunError: a server that cannot be reached.
    """
    if not address:
        return LanceStore.create(folder, schema)
    origin_of(address)
    made: Store
    if address.startswith(QDRANT):
        from .qdrant import QdrantStore

        client, name = _qdrant(address)
        made = QdrantStore.create(client, name, schema)
    else:
        try:
            made = LanceStore.create(address, schema)
        except (ValueError, RuntimeError, OSError) as error:
            raise bad(
                "--store", f"{address!r} ({str(error)[:200]})", "an address that can be written, and is empty"
            ) from error
    confirm(address)
    return made


def open_store(
    address: str, folder: Path, version: int | str | None = None, named: str | Iterable[str] | None = None
) -> Store:
    """Open what `create_store` made, as it is now or as it was at a version or tag.

    Args:
        address: as a card has it, which may be somebody else's.
        folder: of the index.
        version: a number or tag.
        named: what the user allows to be contacted (`allowed.check_allowed`).

    Raises:
        InputError: an address that the user has not named.
    """
    if not address:
        return LanceStore.open(folder, version)
    check_allowed(address, named)
    if address.startswith(QDRANT):
        from .qdrant import QdrantStore

        client, name = _qdrant(address)
        store = QdrantStore.open(client, name)
        return store if version is None else store.at(version)
    return LanceStore.open(address, version)


def _qdrant(address: str) -> tuple[Any, str]:
    server, name = qdrant_parts(address)
    key, here = os.environ.get(KEY) or None, is_loopback(server)
    if key and server.startswith("http:") and not here:
        raise bad(
            "--store",
            f"{address!r}, where {KEY} would go over the network in the clear",
            "https://",
            f"For a server that takes no key, unset {KEY}.",
        )
    try:
        from qdrant_client import QdrantClient
    except ImportError as error:
        raise bad(
            "--store", repr(address), "an environment with qdrant-client", "pip install regard[qdrant]"
        ) from error
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Api key is used with an insecure connection")  # within this machine
        # a redirect would carry the key along; a proxy has no business between this machine and itself
        more: dict[str, Any] = {"follow_redirects": False, "trust_env": not here}
        client = QdrantClient(url=server, api_key=key, timeout=60, check_compatibility=False, **more)
    return client, name
