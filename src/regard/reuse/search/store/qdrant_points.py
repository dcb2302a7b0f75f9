"""How regard's rows are called in Qdrant, and what is said where the server cannot be reached."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from ....core.checks import InputError, RunError


def beside(name: str) -> str:
    """The small collection in which writes are counted, and which holds the columns."""
    return f"{name}__regard"


def point_of(name: str) -> str:
    """The id that Qdrant has for a row: a UUID, as it takes no other text."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"regard:{name}"))


@contextmanager
def reached(name: str) -> Iterator[None]:
    """Around calls of the client: whatever it raises becomes a RunError that names the collection."""
    try:
        yield
    except (InputError, RunError):
        raise
    except Exception as error:  # the client raises its own, httpx's and grpc's errors
        raise RunError(f"index: the Qdrant collection {name!r} cannot be reached: {error}"[:400]) from error
