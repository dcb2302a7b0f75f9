"""What can be seen of a file from outside, before anyone decodes it."""

import stat
from pathlib import Path


def problem(path: Path) -> str:
    """Why a file cannot be used, in plain words; empty text where nothing is wrong.

    A pipe or device is refused here, as reading one could wait for ever.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return "no such file"
    except OSError as error:
        return error.strerror or str(error)
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
