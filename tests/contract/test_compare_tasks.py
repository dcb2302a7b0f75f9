"""What every task of `regard compare` must be."""

import pytest

from helpers.pictures import noise
from regard.core.checks import InputError
from regard.core.discover import load, names
from regard.core.storage import hash_json
from regard.studies.compare.contract import WAYS


@pytest.mark.parametrize("name", names("compare"))
def test_it_says_what_it_is_judged_by(name: str) -> None:
    task = load("compare", name)
    assert task.measures and all(one.name.replace("_", "a").isalnum() and one.title for one in task.measures)
    assert task.ways and set(task.ways) <= set(WAYS)
    assert isinstance(task.learns, bool)
    assert "version" in task.about and hash_json(dict(task.about))  # plain values, which name what is kept


@pytest.mark.parametrize("name", names("compare"))
def test_pictures_without_labels_or_annotations_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="TRAIN"):
        load("compare", name).open(noise(20, 16), noise(20, 16, seed=1), 0)
