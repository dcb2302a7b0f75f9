"""What is said by the way of data that are opened: the command line listens and tells it once; elsewhere nobody does.

Verbs open images at many depths. A return value through all of them would say the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_HEARD: ContextVar[list[str] | None] = ContextVar("heard", default=None)


@contextmanager
def listening() -> Iterator[None]:
    """Inside the block what is said is kept, for `heard`."""
    before = _HEARD.set([])
    try:
        yield
    finally:
        _HEARD.reset(before)


def by_the_way(sentence: str) -> None:
    """Say something; said twice, it is heard once."""
    told = _HEARD.get()
    if told is not None and sentence not in told:
        told.append(sentence)


def heard() -> list[str]:
    """What was said since the block began, in its order; nothing where nobody listens."""
    return list(_HEARD.get() or ())
