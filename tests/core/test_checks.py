import numpy as np
import pytest
from scipy import sparse

from regard.core.checks import InputError, check_choice, check_labels, check_matrix, check_number, check_path


def test_message_names_argument_value_expectation_and_fix():
    with pytest.raises(InputError, match=r"--method: expected one of coral, subspace, got 'corall'\. Did you mean"):
        check_choice("--method", "corall", ["coral", "subspace"])


@pytest.mark.parametrize(
    "X, words",
    [
        (np.array([[1.0, np.nan], [np.inf, 2.0], [0.0, 0.0]]), "NaN or infinity in 2 of 3 rows (first: row 0)"),
        (np.zeros(3), "shape (3,)"),
        (np.zeros((0, 3)), "at least 1 rows"),
        (np.zeros((3, 0)), "1 column"),
        (sparse.eye(3), "sparse"),
        ([["a", "b"]], "numbers"),
    ],
)
def test_matrix_refuses(X, words):
    with pytest.raises(InputError) as caught:
        check_matrix("Xs", X)
    assert words in str(caught.value) and "Xs" in str(caught.value)


def test_matrix_keeps_values_and_float32_and_the_callers_array():
    given = np.arange(6, dtype=np.float32).reshape(3, 2)
    given.flags.writeable = False
    assert check_matrix("X", given).dtype == np.float32
    assert check_matrix("X", given.astype(int)).dtype == np.float64
    np.testing.assert_array_equal(check_matrix("X", given.tolist()), given)
    with pytest.raises(InputError, match="2 features"):
        check_matrix("X", given, columns=3)


def test_labels_refuse_one_class_and_other_lengths():
    with pytest.raises(InputError, match="1 class"):
        check_labels("y", ["a", "a"], 2, min_classes=2)
    with pytest.raises(InputError, match="one label for each"):
        check_labels("y", ["a", "b"], 3)


@pytest.mark.parametrize("value", [0, -1, 1.5, float("nan"), True, "3", None])
def test_number_refuses(value):
    with pytest.raises(InputError, match="k"):
        check_number("k", value, 1, whole=True)


def test_path_suggests_a_neighbour(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(InputError, match="Did you mean .*images"):
        check_path("IMAGES", tmp_path / "imagse")
    with pytest.raises(InputError, match="a file"):
        check_path("FILE", tmp_path / "images", folder=False)
