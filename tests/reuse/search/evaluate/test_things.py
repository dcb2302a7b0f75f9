"""A column as groups: a blank is no thing, in a whitening and in an evaluation; whole numbers stay what they are."""

from dataclasses import replace

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.data.builtin import photo_crops
from regard.data.imageset import ImageSet
from regard.representation.embed import embed
from regard.reuse.search.evaluate.ground_truth import read_ground_truth
from regard.reuse.search.evaluate.things import blanks_alone, things_of
from regard.reuse.whiten import whiten

BLANKS = ("", None, float("nan"), np.float32("nan"), "  ", "\t", "\u00a0", np.str_(""), np.datetime64("NaT"))
BIG = 2**62


@pytest.mark.parametrize("blank", BLANKS, ids=repr)
def test_a_blank_is_no_thing(blank: object) -> None:
    values = np.array(["b", blank, "a", blank, "b"], dtype=object)
    codes, names = things_of(values)
    assert (codes.tolist(), names) == ([1, -1, 0, -1, 1], ["a", "b"])
    assert blanks_alone(codes).tolist() == [1, 2, 0, 3, 1]


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ([BIG, None, BIG + 1, BIG], [0, -1, 1, 0]),  # 64 bits and a gap: no floats
        (np.array([7.0, np.nan, 7, 8]), [0, -1, 0, 1]),
        (["007", "7", " 7"], [0, 1, 1]),
        (["caf\u00e9", "cafe\u0301"], [0, 0]),
        ([7, 7.0, "7"], [0, 0, 0]),
        ([b"a", "a", b""], [0, 0, -1]),
        ([True, False, True], [1, 0, 1]),
    ],
)
def test_what_is_one_thing(values: object, codes: list[int]) -> None:
    assert things_of(values)[0].tolist() == codes  # type: ignore[arg-type]


def numbered(who: np.ndarray) -> np.ndarray:
    return np.array([BIG + place for place in np.unique(who, return_inverse=True)[1].tolist()], dtype=object)


@pytest.mark.parametrize("blank", ["", None, float("nan"), " "], ids=repr)
@pytest.mark.parametrize("named", [np.asarray, numbered])
def test_blanks_teach_a_whitening_nothing_about_one_thing(blank: object, named: object) -> None:
    crops = photo_crops(n=100)
    who = named(np.asarray(crops.columns["identity"]))  # type: ignore[operator]
    lost = np.random.default_rng(0).random(100) < 0.5
    column = who.astype(object)
    column[lost] = blank
    alone = column.copy()
    alone[lost] = [f"alone {i}" for i in range(lost.sum())]

    raw = embed(crops, "random:timm:test_resnet").vectors

    def learned(values: np.ndarray) -> np.ndarray:
        images = ImageSet(crops.items, crops.ids, columns={"identity": values})
        found = whiten(images, "random:timm:test_resnet", things="identity", check=0).representation
        return found.transform.apply(raw)

    np.testing.assert_allclose(learned(column), learned(alone), atol=1e-4)


def test_nothing_but_blanks_is_said() -> None:
    crops = photo_crops(n=20)
    blank = replace(crops, columns={"identity": np.array([" "] * 20)})
    with pytest.raises(InputError, match="--things: expected a column that says which thing"):
        whiten(blank, "random:timm:test_resnet", things="identity")


@pytest.mark.parametrize("blank", ["", None, float("nan"), " "], ids=repr)
def test_blanks_are_no_group_in_an_evaluation(blank: object) -> None:
    class Five:
        ids = ("a", "b", "c", "d", "e", "f")

        def places(self, ids: object) -> np.ndarray:
            return np.arange(6)

        def place_of(self, name: str) -> int:
            return self.ids.index(name)

        def __contains__(self, name: object) -> bool:
            return name in self.ids

    column = {"who": np.array(["x", blank, "x", blank, "y ", "y"], dtype=object)}
    truth = read_ground_truth("column:who", Five(), column)  # type: ignore[arg-type]
    assert [one.name for one in truth.queries] == ["a", "c", "e", "f"]
    assert [one.lists["positives"].tolist() for one in truth.queries] == [[2], [0], [5], [4]]
    assert [one.group for one in truth.queries] == ["x", "x", "y", "y"]
