"""What can be seen of a file from outside, before anyone decodes it, and which file a name means."""

import os
import re
import stat
import unicodedata
from pathlib import Path

MISSING = "no such file"
NOT_TEXT = "a name that is not UTF-8 text"
NUL = "a name with a NUL character, which no file has"
LONGEST = 4096  # characters: no system has longer paths
_SHOWN = 1000  # of a name, in messages; of a longer one the beginning
_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def is_text(name: str) -> bool:
    r"""Whether a name can be written as UTF-8: no halves of characters, as Python shows bytes that are no text.

    >>> is_text("caf\u00e9"), is_text("caf\udce9"), is_text("\ud800")
    (True, False, False)
    """
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def name_problem(name: str) -> str:
    """Why no file can be called so, in plain words; empty text where one can."""
    if "\0" in name:
        return NUL
    if not is_text(name):
        return NOT_TEXT
    return f"a name of {len(name):,} characters" if len(name) > LONGEST else ""


def shown(name: str) -> str:
    r"""A name as it may stand in a message or a card: always text, without NUL, and cut where it is endless.

    >>> shown("a\0b\ud800.jpg"), len(shown("x" * 10**6)) < 400
    ('a\\x00b\\ud800.jpg', True)
    """
    begun = name if len(name) <= _SHOWN else name[: _SHOWN // 5]
    text = begun.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()
    return text if begun is name else f"{text}... ({len(name):,} characters)"


def problem(path: Path) -> str:
    """Why a file cannot be used, in plain words; empty text where nothing is wrong.

    A pipe or device is refused here, as reading one could wait for ever.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return MISSING
    except (OSError, ValueError) as error:
        return name_problem(str(path)) or getattr(error, "strerror", None) or str(error)
    if not stat.S_ISREG(found.st_mode):
        return "not a file"
    return "" if found.st_size else "empty file"


def causes(set_aside: tuple[dict[str, str], ...]) -> str:
    """Count what was set aside by cause, for a message.

    >>> causes(({"path": "a", "cause": "empty file"}, {"path": "b", "cause": "empty file"}))
    '2 x empty file'
    """
    seen = [entry["cause"] for entry in set_aside]
    return ", ".join(f"{seen.count(cause)} x {cause}" for cause in sorted(set(seen)))


def located(base: Path, name: str, listings: dict[Path, dict[str, list[str]]]) -> tuple[Path, str, str]:
    """The file that a name in a table means, the name that found it, and why it cannot be used ("" where it can).

    The name as it is written comes first. Only where no such file is there: without spaces around; with Windows'
    backslashes as slashes; and in the form of Unicode (NFC, NFD) that the folder has it in.

    Args:
        base: where relative names start.
        name: as it is written.
        listings: what folders hold, kept between calls.
    """
    path = base / name
    cause = name_problem(name) or problem(path)
    if cause != MISSING:
        return path, name, cause
    if _ADDRESS.match(name):
        return path, name, "an address, and nothing is fetched: give a path"
    if os.name != "nt" and _DRIVE.match(name):
        return path, name, "a path on a drive of Windows, which is not here: write it relative to the table's folder"
    for other in dict.fromkeys((name.strip(), name.replace("\\", "/"), name.strip().replace("\\", "/"))):
        if other != name and not problem(base / other):
            return base / other, other, ""
    plain = name.strip() if os.name == "nt" else name.strip().replace("\\", "/")
    if not plain.isascii():
        same = in_other_form(base / plain, listings)
        if same is not None:
            return same, plain, problem(same)
    return path, name, cause


def in_other_form(path: Path, listings: dict[Path, dict[str, list[str]]]) -> Path | None:
    """The path whose parts are the same names in whatever form of Unicode the folders have them; None if not one."""
    found = Path(path.anchor)
    for part in path.parts[bool(path.anchor) :]:
        if part.isascii() or os.path.lexists(found / part):
            found /= part
            continue
        if found not in listings:
            try:
                inside = os.listdir(found)
            except OSError:
                return None
            listings[found] = {}
            for entry in inside:
                listings[found].setdefault(unicodedata.normalize("NFC", entry), []).append(entry)
        same = listings[found].get(unicodedata.normalize("NFC", part), [])
        if len(same) != 1:
            return None
        found /= same[0]
    return found
