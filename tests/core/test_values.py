import datetime as dt
import unicodedata
from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest

from regard.core.checks import InputError
from regard.core.values import as_column, as_text, gaps, nearest, text_of, tidy

NAME = "caf\u00e9 \uac00"


@pytest.mark.parametrize(
    "value, text",
    [
        (7, "7"),
        (7.0, "7"),
        (np.float32(7), "7"),
        ("7.0", "7"),
        ("7", "7"),
        (b"7", "7"),
        (np.int8(7), "7"),
        (np.uint64(2**64 - 1), str(2**64 - 1)),
        (Decimal("7.00"), "7"),
        ("007", "007"),
        ("007.0", "007.0"),
        ("3.10", "3.10"),
        ("v1.0", "v1.0"),
        (-0.0, "0"),
        ("-0.0", "0"),
        (1.5, "1.5"),
        (np.float32(0.1), "0.1"),
        (True, "True"),
        (np.True_, "True"),
        (dt.date(2024, 5, 1), "2024-05-01"),
        (np.datetime64("2024-05-01"), "2024-05-01"),
        (dt.datetime(2024, 5, 1, 12, 30), "2024-05-01 12:30:00"),
        (np.datetime64("2024-05-01T12:30:00"), "2024-05-01 12:30:00"),
        (dt.time(12, 30), "12:30:00"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (f"  {NAME}\t", NAME),
        (unicodedata.normalize("NFD", NAME), NAME),
        ("\u00a0x\u3000", "x"),
        (None, ""),
        (float("nan"), ""),
        (np.float16("nan"), ""),
        (np.datetime64("NaT"), ""),
        (Decimal("NaN"), ""),
        ("  ", ""),
        (b"", ""),
    ],
)
def test_one_value_has_one_text(value, text):
    assert text_of("label", value) == text
    assert as_text("label", [value, "z"]).tolist() == [text, "z"]


@pytest.mark.parametrize(
    "value, message",
    [
        ([1, 2], "a list"),
        ((1,), "a tuple"),
        ({"a": 1}, "a dict"),
        ({1}, "a set"),
        (1j, "a complex"),
        (np.complex64(1), "a complex"),
        (dt.timedelta(3), "a timedelta"),
        (object(), "a object"),
        (np.ones(2), "a ndarray"),
        (b"\xff\xfe\x00", "no UTF-8"),
        (4.873214862074861e18, "last digits are lost"),
        ("4.873214862074861e+18", "last digits are lost"),
        ("4.87E+18", "last digits are lost"),
    ],
)
def test_what_has_no_text_of_its_own_is_refused_by_name(value, message):
    with pytest.raises(InputError, match=f"^label: .*{message}"):
        as_text("label", [value, "z"])


@pytest.mark.parametrize("kind", [complex, "V4"])
def test_arrays_of_kinds_without_text(kind):
    with pytest.raises(InputError, match="^label: "):
        as_text("label", np.zeros(3, kind))
    with pytest.raises(InputError, match="^label: "):
        as_column("label", np.zeros(3, kind))


BIG = 4873214862074861312


@pytest.mark.parametrize(
    "values, expected",
    [
        ([3, 4], [3, 4]),
        ([3, None], [3.0, np.nan]),
        ([BIG, BIG + 1], [BIG, BIG + 1]),
        ([BIG, BIG + 1, None], [str(BIG), str(BIG + 1), ""]),
        ([2**63, -1], [str(2**63), "-1"]),
        ([BIG, 1.5], [str(BIG), "1.5"]),
        ([1.5, None], [1.5, np.nan]),
        ([True, False], [True, False]),
        ([True, None], ["True", ""]),
        (["a", None], ["a", ""]),
        ([1, "a"], ["1", "a"]),
        ([dt.date(2024, 5, 1), None], ["2024-05-01", ""]),
        ([b"x", "y"], ["x", "y"]),
        ([None, None], [np.nan, np.nan]),
    ],
)
def test_columns_keep_numbers_where_nothing_is_lost(values, expected):
    found = as_column("product", values)
    np.testing.assert_array_equal(found, np.array(expected))
    assert found.dtype.kind == np.array(expected).dtype.kind


def test_gaps_of_every_kind():
    values = ["a", "", " ", "nan", "None", "<NA>", "NaT", None, float("nan"), 0, "0", "null"]
    assert gaps(values).tolist() == [False, *[True] * 8, False, False, False]
    assert gaps(np.array([1.0, np.nan])).tolist() == [False, True]
    assert gaps(np.array(["2024-05-01", "NaT"], "M8[D]")).tolist() == [False, True]
    assert gaps(np.array([0, 1])).tolist() == gaps(np.array([False, True])).tolist() == [False, False]


@pytest.mark.parametrize("other", ["Cat Dog", "cat-dog", "cat_dog ", "CAT  DOG", "cat_dogs"])
def test_near_misses_are_named(other):
    assert nearest([other], ["bird", "cat_dog"]) == f"Is {other!r} 'cat_dog'?"


def test_no_near_miss():
    assert nearest(["horse"], ["cat", "dog"]) == "" and nearest(["7"], ["007", "8"]) == "Is '7' '007'?"
    assert tidy("1.") == "1."


@pytest.mark.parametrize("name", ["Nan", "Nat", "NAN", "nat", "none", "NONE", "<na>", "Nat ", "Nancy", "NA"])
def test_people_whose_names_resemble_gaps(name):
    assert gaps([name, None, "nan", "NaN", "None", "<NA>", "NaT"]).tolist() == [False, *[True] * 6]


@pytest.mark.parametrize("name", ["3e86", "7e21", "7E21", "9e99", "0e1", "1e400", "-3e86", "5e+20"])
def test_codes_that_look_like_large_numbers_are_text(name):
    assert text_of("label", name) == name and as_text("label", [name, "z"]).tolist() == [name, "z"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns", "ps"])
def test_one_time_has_one_text_in_every_unit_and_no_digit_is_lost(unit):
    start = np.datetime64("1970-02-01T12:30:00", unit)
    assert text_of("day", start) == "1970-02-01 12:30:00"
    texts = as_text("day", start + np.arange(3).astype(f"m8[{unit}]"))
    assert len(set(texts.tolist())) == 3
