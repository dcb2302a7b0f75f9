"""Depth from OpenEXR files, as renderers write it; the extra `exr` (Academy Software Foundation, BSD)."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ...core.checks import InputError, bad

CHANNELS = ("Z", "depth", "Depth", "V", "Y", "R", "RGB", "RGBA")  # where depth may be, the likeliest first


def read_exr(file: Path) -> np.ndarray:
    """(H, W) float32, the channel of depth of a file's first part.

    A channel's name may have a layer's before it (`ViewLayer.Depth.Z`). Of colours, which are grey then, red is taken.

    Raises:
        InputError: the extra is not installed, no such file, one that cannot be read, or none of the channels.
    """
    if find_spec("OpenEXR") is None:
        raise InputError(f"{file.name} needs OpenEXR, which is not installed: pip install 'regard[exr]'")
    import OpenEXR

    if not file.is_file():
        raise bad("file", str(file), "an OpenEXR file")
    try:
        with OpenEXR.File(str(file)) as opened:
            found = {name: np.asarray(one.pixels) for name, one in opened.channels().items()}
    except Exception as error:  # damaged files raise RuntimeError, ValueError ...
        raise bad("file", str(file), "an OpenEXR file", f"It cannot be read: {error}") from None
    for wanted in CHANNELS:
        for name, values in found.items():
            if name == wanted or name.endswith(f".{wanted}"):
                return (values if values.ndim == 2 else values[..., 0]).astype(np.float32)
    raise bad("file", f"{file.name} with the channels {', '.join(found)}", f"one of {', '.join(CHANNELS)}")
