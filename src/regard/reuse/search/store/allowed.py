"""Which servers and buckets are contacted: such as the user names in this call, or named when an index was made there.

An index may come from somebody else, and then so does the address in its card. Whoever follows it sends the user's keys
to where it says. So an address counts for nothing until the user has said the same: in this call (`--allow-host`), or
once, with `--store`; that is remembered in the user's own folder of settings, never in an index.
"""

import ipaddress
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from ....core.checks import InputError, RunError, bad
from ....core.storage import read_json, write_json
from .lock import locked

QDRANT = "qdrant:"
OBJECTS = ("s3", "gs", "az")  # LanceDB takes more: a cloud of its own, hubs of models, memory ...
EXPECTED = "s3://BUCKET/NAME, gs:// or az:// likewise, or qdrant:https://HOST:6333/NAME"
REMEMBERED = "stores.json"

# nothing that one reader of an address takes for the host and another one for something else
_SERVER = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?", re.ASCII)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_NAME = re.compile(r"[^\s\\/?#@:%\x00-\x1f\x7f]+")


def origin_of(address: str) -> str:
    """What is contacted for an address: the server with its port, the bucket, or for `file://` the folder.

    >>> origin_of("qdrant:https://Search.Example.org/photos"), origin_of("s3://bucket/a/b")
    ('https://search.example.org:6333', 's3://bucket')

    Raises:
        InputError: an address of no known form.
    """
    if not isinstance(address, str):
        raise bad("--store", repr(address)[:80], EXPECTED)
    if address.startswith(QDRANT):
        return qdrant_parts(address)[0]
    scheme, apart, rest = address.partition("://")
    if scheme == "file" and apart and rest.startswith("/") and rest.strip("/") and not re.search(r"[?#\\\x00]", rest):
        return address
    bucket, *names = rest.rstrip("/").split("/")
    if scheme not in OBJECTS or not apart or not _BUCKET.fullmatch(bucket):
        raise bad("--store", repr(address[:200]), EXPECTED)
    if any(not _NAME.fullmatch(name) or name in (".", "..") for name in names):
        raise bad("--store", repr(address[:200]), EXPECTED)
    return f"{scheme}://{bucket}"


def qdrant_parts(address: str) -> tuple[str, str]:
    """The server of `qdrant:http://HOST:PORT/NAME`, with its port, and the collection's name; or InputError."""
    url, _, name = address.removeprefix(QDRANT).rpartition("/")
    if not _SERVER.fullmatch(url) or not _NAME.fullmatch(name) or name in (".", ".."):
        raise bad("--store", repr(address[:200]), EXPECTED)
    try:
        parts = urlsplit(url.lower())
        port = parts.port or 6333
    except ValueError:
        raise bad("--store", repr(address[:200]), EXPECTED) from None
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}", name


def is_loopback(origin: str) -> bool:
    """Whether a server is this machine."""
    host = urlsplit(origin).hostname or ""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def check_allowed(address: str, named: str | Iterable[str] | None = None) -> None:
    """Refuse an address from a card unless the user named its host, in this call or when an index was made there.

    Args:
        address: as the card has it.
        named: hosts (`HOST`, `HOST:PORT`), servers (`https://HOST:PORT`), buckets (`s3://BUCKET`) or whole addresses.

    Raises:
        InputError: saying what to add to the command; nothing was contacted.
    """
    origin = origin_of(address)
    hosts = [named] if isinstance(named, str) else list(named or ())
    if any(_names(host, origin) for host in hosts) or origin in confirmed():
        return
    raise bad(
        "index",
        f"one whose card names {address!r}",
        "a table in its own folder, or at an address that you know",
        f"Nothing was contacted. If you trust it, add --allow-host {origin}",
    )


def confirmed() -> set[str]:
    """Servers and buckets at which the user made an index; none where that is not known, or the file is damaged."""
    with suppress(InputError, OSError, RecursionError):
        held = read_json(_file())
        known = held.get("confirmed") if isinstance(held, dict) else None
        return {one for one in known if isinstance(one, str)} if isinstance(known, list) else set()
    return set()


def confirm(address: str) -> None:
    """Remember that the user named an address; where that cannot be written, it is asked for again."""
    origin, file = origin_of(address), _file()
    with suppress(OSError, InputError, RunError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with locked(str(file.parent)):
            write_json(file, {"confirmed": sorted(confirmed() | {origin})})


def _names(host: str, origin: str) -> bool:
    """Whether what the user wrote means this server or bucket; a bare name means a server, and no bucket."""
    for one in (host, f"{QDRANT}{host.rstrip('/')}/any"):  # an address or a bucket, then a server alone
        with suppress(InputError):
            if origin_of(one) == origin:
                return True
    if not origin.startswith("http"):
        return False
    server = urlsplit(origin)
    return host.lower() in (server.hostname, server.netloc, server.netloc.rpartition(":")[0])


def _file() -> Path:
    folder = os.environ.get("REGARD_CONFIG")
    if folder:
        return Path(folder) / REMEMBERED
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "regard" / REMEMBERED
