"""Several labels an image: from a table and from annotations."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regard.core.checks import InputError
from regard.data.imageset import ImageSet
from regard.data.scenes import scenes
from regard.data.sources import open_images
from regard.data.tags import need_tags, tag_matrix, tags_of


def test_a_table_gives_labels_between_bars(tmp_path: Path) -> None:
    rows = ["path,label"]
    for name, label in zip("abcd", ["cat|sofa", " sofa | cat |cat", "cat", "|"]):
        Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / f"{name}.png")
        rows.append(f"{name}.png,{label}")
    (tmp_path / "table.csv").write_text("\n".join(rows))
    found = tags_of(open_images(tmp_path / "table.csv"))
    assert found == [("cat", "sofa"), ("cat", "sofa"), ("cat",), ()]
    assert tag_matrix(found, ("cat", "dog")).tolist() == [[True, False]] * 3 + [[False, False]]


def test_annotations_give_the_classes_of_what_is_boxed() -> None:
    images = scenes(6, seed=1)
    assert images.labels is None and images.annotations is not None
    boxed = [tuple(sorted(set(one.boxes.classes.tolist()))) for one in images.annotations]
    assert tags_of(images) == boxed and any(len(some) > 1 for some in boxed)


def test_images_without_either_are_refused() -> None:
    images = ImageSet([np.zeros((8, 8), np.uint8)], np.array(["a"]))
    with pytest.raises(InputError, match="expected images with labels.*cat|sofa"):
        need_tags(images)
