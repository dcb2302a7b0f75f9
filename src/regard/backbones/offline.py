"""Names from a file that may be somebody else's fetch nothing: published weights are taken from this machine alone."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from ..core.checks import RunError


@contextmanager
def nothing_fetched() -> Iterator[None]:
    """Within the block timm and torchvision find weights that were fetched before, and ask no server.

    It holds for the whole process, as these libraries keep the setting so: another thread's fetching fails meanwhile.
    """
    import huggingface_hub.constants
    import timm.models._hub
    import torch.hub

    with ExitStack() as held:
        held.enter_context(patch.object(huggingface_hub.constants, "HF_HUB_OFFLINE", True))
        for module in (torch.hub, timm.models._hub):
            held.enter_context(patch.object(module, "download_url_to_file", _refused))
        yield


def _refused(url: str, *_: object, **__: object) -> None:
    raise RunError(f"the weights are not on this machine, and {url} was not asked for them")
