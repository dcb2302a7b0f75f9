"""Files that a user may take for images and that are not read: what they are, by suffix or by their first bytes."""

from collections import Counter
from collections.abc import Mapping

_SUFFIXES = {
    "RAW": ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 "
    ".rwl .sr2 .srf .srw .x3f",
    "video": ".3g2 .3gp .asf .avi .f4v .flv .insv .m2ts .m2v .m4v .mkv .mov .mp4 .mpe .mpeg .mpg .mts .mxf .ogv .vob "
    ".webm .wmv",
    "PDF": ".pdf",
    "Photoshop": ".psb .psd",
    "SVG": ".svg .svgz",
    "PostScript": ".ai .eps .epsf .epsi .ps",
    "JPEG XL": ".jxl",
    "archive": ".7z .bz2 .gz .rar .tar .tgz .xz .zip .zst",
    "other picture": ".blp .bpg .cdr .cur .dcm .dcx .dds .dicom .djv .djvu .emf .exr .fit .fits .flif .fpx .hdp .hdr "
    ".icns .ico .im .jxr .mic .mpo .ndpi .nii .ora .pcd .pcx .pfm .pic .qoi .ras .sgi .svs .tga .wdp .wmf .xbm .xcf "
    ".xpm",
}
_KIND = {suffix: kind for kind, some in _SUFFIXES.items() for suffix in some.split()}
_FIRST = (
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"%PDF", "PDF"),
    (b"8BPS", "Photoshop"),
    (b"<svg", "SVG"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"PK\x03\x04", "archive"),
    (b"\x1f\x8b", "archive"),
    (b"Rar!", "archive"),
    (b"7z\xbc\xaf", "archive"),
    (b"\x1a\x45\xdf\xa3", "video"),
    (b"FUJIFILMCCD-RAW", "RAW"),
    (b"FOVb", "RAW"),
    (b"\xd7\xcd\xc6\x9a", "other picture"),  # WMF
    (b"\xd0\xcf\x11\xe0", "other picture"),  # FlashPix and MIC, in Microsoft's containers
    (b"SIMPLE", "other picture"),
)
_VIDEO_BRANDS = (b"isom", b"iso2", b"mp41", b"mp42", b"qt  ", b"M4V ", b"avc1", b"3gp4", b"3gp5")
_CALLED = {
    "RAW": "RAW file",
    "video": "video",
    "archive": "archive",
    "other picture": "picture of another format",
}


def kind_of(content: bytes) -> str:
    r"""What a file is that is no image to read, by its first bytes; "" where they do not tell.

    >>> kind_of(b"%!PS-Adobe-3.0 EPSF-3.0\n"), kind_of(bytes(4) + b"ftypmp42"), kind_of(b"hello")
    ('a PostScript file', 'a video', '')
    """
    found = next((kind for first, kind in _FIRST if content.startswith(first)), "")
    if content[4:8] == b"ftyp" and content[8:12] in _VIDEO_BRANDS:
        found = "video"
    elif content[:4] == b"RIFF" and content[8:12] == b"AVI ":
        found = "video"
    elif content[:5] == b"<?xml" and b"<svg" in content[:2000]:
        found = "SVG"
    called = _named(found) if found else ""
    return called and f"{'an' if found in ('SVG', 'archive') else 'a'} {called}"


def passed_over(suffixes: Mapping[str, int]) -> tuple[str, int]:
    """What files of these suffixes (each with its count) are, in words, and how many; only kinds of `_SUFFIXES`.

    >>> passed_over({".nef": 2, ".cr2": 1, ".mp4": 1, ".txt": 7, ".pdf": 2})
    ('3 RAW files (.cr2, .nef), 1 video (.mp4) and 2 PDF files', 6)
    """
    count: Counter[str] = Counter()
    seen: dict[str, set[str]] = {}
    for suffix, number in suffixes.items():
        if kind := _KIND.get(suffix):
            count[kind] += number
            seen.setdefault(kind, set()).add(suffix)
    parts = []
    for kind in (kind for kind in _SUFFIXES if count[kind]):
        called = _named(kind)
        if count[kind] > 1:
            called = called.replace("picture of another format", "pictures of other formats")
            called += "s" * (not called.startswith("picture"))
        said = sorted(seen[kind] - {f".{kind.lower()}"})
        parts.append(f"{count[kind]} {called}" + (f" ({', '.join(said)})" if said else ""))
    told = ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else "".join(parts)
    return told, sum(count.values())


def _named(kind: str) -> str:
    return _CALLED.get(kind, f"{kind} file")
