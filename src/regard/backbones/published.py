"""Weights that others publish: taken from where they were kept before, fetched if their host answers, or told at once.

Without a connection the hub's own client tries for minutes and writes a line for each try. Here one short question
comes first; what was fetched before is not asked for at all.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlparse

from ..core.checks import InputError

ANSWER = 5.0  # seconds within which a host answers
_TALKERS = ("huggingface_hub", "timm", "httpx", "httpcore", "urllib3")


@contextmanager
def weights_of(name: str, config: object = None, url: str | None = None) -> Iterator[None]:
    """Inside the block the weights of a network are loaded; raise at once where they are neither here nor in reach.

    Args:
        name: as a user names it: `timm:resnet18`.
        config: timm's pretrained configuration, which says where its weights are; None where a `url` does.
        url: the file, as torch's hub keeps it.

    Raises:
        InputError: they cannot be had; it says what works without a connection.
    """
    repository = getattr(config, "hf_hub_id", None)
    url = url or getattr(config, "url", None) or None
    kept = _in_hub(repository) if repository else _in_torch(url)
    if not kept and not getattr(config, "file", None):
        host = _hub() if repository else url or ""
        why = _no_answer(host)
        if why:
            raise unreachable(name, f"{urlparse(host).netloc or host} cannot be reached ({why})")
    with _silent(), _without_asking(bool(repository and kept)):
        try:
            yield
        except InputError:
            raise
        except Exception as error:
            first = next(iter(str(error).splitlines()), "")
            raise unreachable(name, f"{type(error).__name__}: {first[:200]}") from error


def unreachable(name: str, why: str) -> InputError:
    """The error for weights that cannot be had, in one sentence and what to name in their place."""
    network = name.partition(":")[2]
    kept = fetched()
    held = f", or what was fetched before ({', '.join(kept[:5])}{' ...' if len(kept) > 5 else ''})" if kept else ""
    return InputError(
        f"{name}: its published weights could not be fetched: {why}. "
        f"Without a connection name imagenet, random:{network}, the folder of a saved representation{held}."
    )


def fetched() -> list[str]:
    """Names of timm's networks whose weights are in the hub's cache on this machine."""
    from huggingface_hub import constants

    folders = sorted(Path(constants.HF_HUB_CACHE).glob("models--timm--*"))
    return [
        f"timm:{one.name.removeprefix('models--timm--')}" for one in folders if any(one.glob("snapshots/*/*model*"))
    ]


def _in_hub(repository: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    files = ("model.safetensors", "pytorch_model.bin")
    return any(isinstance(try_to_load_from_cache(repository, file), str) for file in files)


def _in_torch(url: str | None) -> bool:
    import torch

    return bool(url) and (Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(str(url)).path).name).is_file()


def _hub() -> str:
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def _no_answer(address: str) -> str:
    """Why a host gives no answer within a few seconds; empty where it gives any."""
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    with _silent():
        try:
            get_session().head(address, timeout=ANSWER)
        except Exception as error:  # each client has errors of its own
            return type(error).__name__
    return ""


@contextmanager
def _silent() -> Iterator[None]:
    """Keep what the clients log of their tries from the terminal; what fails is told as an error."""
    loggers = [(logging.getLogger(name), logging.getLogger(name).level) for name in _TALKERS]
    try:
        for logger, _ in loggers:
            logger.setLevel(logging.CRITICAL)
        yield
    finally:
        for logger, level in loggers:
            logger.setLevel(level)


@contextmanager
def _without_asking(kept: bool) -> Iterator[None]:
    """Inside the block the hub's client takes what it has, and asks nobody whether there is something newer."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = kept or before
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
