"""HEIC, the photographs of phones: read by Pillow once the extra `heic` (pillow-heif) is installed.

Split by the first bytes and not by the suffix, as phones and messengers rename files. AVIF, which has the same frame,
is read by Pillow itself.
"""

from importlib import import_module

_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
_COMMON = frozenset((b"mif1", b"msf1"))  # brands of the frame, whatever is inside
NEEDED = "a HEIC picture, for which pillow-heif is needed: pip install 'regard[heic]'"


def is_heif(content: bytes) -> bool:
    r"""Whether a file is HEIC by its first bytes: a box `ftyp` with one of its brands.

    >>> is_heif(b"\x00\x00\x00\x18ftypheic" + bytes(12)), is_heif(b"\x00\x00\x00\x18ftypavif" + bytes(12))
    (True, False)
    """
    if content[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(content[:4], "big"), 256)
    brands = [content[8:12], *(content[start : start + 4] for start in range(16, end - 3, 4))]
    return brands[0] in _BRANDS or (brands[0] in _COMMON and not _BRANDS.isdisjoint(brands))


def heif_problem(content: bytes) -> str:
    """Make Pillow ready for a HEIC picture; why it cannot be read, or "" where it can or is none."""
    if not is_heif(content):
        return ""
    try:
        import_module("pillow_heif").register_heif_opener()
    except ImportError:
        return NEEDED
    return ""
