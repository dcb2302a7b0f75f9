"""Between the two renames of a replacement there is no folder for an instant: a lock waits for it."""

import threading
import time

import pytest

from regard.core.checks import InputError
from regard.reuse.search.store.lock import locked


def test_a_folder_that_comes_back_at_once_is_locked(tmp_path) -> None:
    place = tmp_path / "ix"

    def late() -> None:
        time.sleep(0.05)
        place.mkdir()

    coming = threading.Thread(target=late)
    coming.start()
    with locked(str(place)):
        assert (place / ".lock").exists()
    coming.join()


def test_one_that_is_gone_is_told(tmp_path) -> None:
    with pytest.raises(InputError, match="no longer there"), locked(str(tmp_path / "ix")):
        pass
