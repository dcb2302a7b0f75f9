"""What a killed process leaves beside the files that it was writing: named so that it can be told, and cleared.

A name is `.NAME.PID-HEX.tmp`. The first half of HEX says which machine the process was on, as folders may be shared by
several and each counts its processes by itself.
"""

import hashlib
import os
import re
import shutil
import socket
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from secrets import token_hex

_NAME = re.compile(r"\.(?P<name>.+)\.(?P<pid>\d{1,9})(?:-(?P<here>[0-9a-f]{6})?(?P<own>[0-9a-f]{6}))?\.tmp")
_OLD = 86_400.0  # seconds after which what another machine has not touched is left over
_mine: set[str] = set()  # what this process is writing


def name_beside(path: Path) -> Path:
    """A name beside `path` that `clear` knows as this process's; 255 bytes are never exceeded."""
    end = f".{os.getpid()}-{_here()}{token_hex(3)}.tmp"
    name = path.name.encode()[: 254 - len(end)].decode(errors="ignore")
    _mine.add(f".{name}{end}")
    return path.with_name(f".{name}{end}")


def clear(folder: Path) -> None:
    """Clear away what processes that are gone left in a folder; what may be in use stays. O(names in it)."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") and entry.name.endswith(".tmp") and left_over(Path(entry.path)):
                with suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        shutil.rmtree(entry.path, ignore_errors=True)
                    else:
                        os.unlink(entry.path)


def empty(folder: Path) -> bool:
    """Whether a folder holds nothing but what killed processes left, or is none."""
    return not folder.is_dir() or all(map(left_over, folder.iterdir()))


def left_over(path: Path) -> bool:
    """Whether a path is named as here, and its process is gone."""
    found = _NAME.fullmatch(path.name)
    if found is None:
        return False
    if found["here"] and found["here"] != _here():
        with suppress(OSError):
            return time.time() - path.lstat().st_mtime > _OLD
        return False
    pid = int(found["pid"])
    if pid == os.getpid():  # a number is given again, in a container soon
        return found["own"] is not None and path.name not in _mine
    return not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True  # somebody else's
    return True


@cache
def _here() -> str:
    """Six hexadecimal digits for this machine since it was started, and its own count of processes."""
    said = socket.gethostname()
    for name in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        with suppress(OSError):
            said += os.readlink(name) if name.endswith("pid") else Path(name).read_text(encoding="ascii")
    return hashlib.blake2b(said.encode(), digest_size=3).hexdigest()
