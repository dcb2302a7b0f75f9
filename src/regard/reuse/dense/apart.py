"""Pictures to learn from and pictures to be scored on are kept apart, by what their files hold."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ...core.checks import bad
from ...core.records import listed, read_record, text
from ...core.runtime import threads
from ...core.storage import hash_json
from ...data.decode import DecodeError, content_hash, read
from ...data.imageset import ImageSet

SCORES = "scores.json"  # of a run: scores by class, notes, and the hashes of what was learned from


def contents(images: ImageSet) -> list[str]:
    """The hash of each file or array; "" of one that cannot be read."""

    def one(row: int) -> str:
        try:
            return content_hash(read(images.items[row]))
        except DecodeError:
            return ""

    with ThreadPoolExecutor(threads()) as pool:
        return list(pool.map(one, range(len(images))))


def refuse_same(argument: str, images: ImageSet, hashes: list[str], learned: set[str]) -> None:
    """Refuse pictures that were learned from.

    Args:
        argument: what to call `images`.
        images: to be scored on.
        hashes: theirs.
        learned: those of what was learned from.

    Raises:
        InputError: there is one.
    """
    known = learned - {""}  # which is what cannot be read
    same = [images.called(row) for row, one in enumerate(hashes) if one in known]
    if same:
        named = f"{len(same)} picture(s) that are learned from too: {', '.join(same[:3])}"
        raise bad(argument, named, "other pictures", "What was learned from says nothing of what comes.")


def apart(images: ImageSet, val: ImageSet) -> tuple[str, list[str]]:
    """The hash of both sets' pictures, and those of each that is learned from.

    Raises:
        InputError: a picture is in both.
    """
    here, there = contents(images), contents(val)
    refuse_same("val", val, there, set(here))
    return hash_json([sorted(here), sorted(there)]), sorted(set(here) - {""})


def refuse_learned(argument: str, images: ImageSet, run: Path) -> None:
    """Refuse pictures that a run learned from.

    Raises:
        InputError: there is one, or the run's `scores.json` does not say what it learned from.
    """
    told = read_record(run / SCORES, {"learned": listed(text)})
    refuse_same(argument, images, contents(images), set(told["learned"]))
