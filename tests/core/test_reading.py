"""JSON from outside: whatever is wrong with it is one sentence that names the file and the key, and nothing else."""

import json
import os

import pytest

from regard.core import records
from regard.core.checks import InputError
from regard.core.event_log import read_log
from regard.core.reading import MOST, parsed, read_json
from regard.core.records import check_record, either, listed, mapped, maybe, number, one_of, read_record, record, whole

DEEP = "[" * 100_000 + "]" * 100_000
NO_JSON = {
    "nothing": b"",
    "cut": b'{"a": ',
    "no UTF-8": b'{"a": "\xff"}',
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": -Infinity}',
    "too large": b'{"a": 1e999}',
    "digits": b'{"a": ' + b"9" * 5000 + b"}",
    "twice": b'{"a": 1, "b": {"c": 1, "c": 2}}',
    "deep": DEEP.encode(),
    "deep mappings": b'{"a":' * 70 + b"1" + b"}" * 70,
    "half a character": b'{"a": "\\ud800"}',
    "the other half": b'{"\\udc00": 1}',
}


@pytest.mark.parametrize("raw", NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_json_is_refused_by_the_files_name(tmp_path, raw):
    (tmp_path / "card.json").write_bytes(raw)
    for read in (read_json, lambda path: read_record(path, {})):
        with pytest.raises(InputError, match="card.json"):
            read(tmp_path / "card.json")


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, True, "é😀"]}, [[[]]], "x", 3, {"n": 10**400 // 10**200}])
def test_what_is_json_is_read_as_it_is(tmp_path, value):
    (tmp_path / "a.json").write_text(json.dumps(value))  # with pairs of escapes for characters beyond 16 bits
    assert read_json(tmp_path / "a.json") == value
    assert parsed("\ufeff" + json.dumps(value, ensure_ascii=False), "a") == value


def test_what_is_no_plain_file_is_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    with open(tmp_path / "large.json", "wb") as file:
        os.truncate(file.fileno(), MOST + 1)
    (tmp_path / "loop.json").symlink_to(tmp_path / "loop.json")
    for name in ("pipe.json", "folder.json", "large.json", "loop.json", "none.json", "a\0b.json", "x" * 300):
        with pytest.raises(InputError):
            read_record(tmp_path / name, {})


@pytest.mark.parametrize(
    ("check", "good", "wrong"),
    [
        (records.text, ["", "a"], [None, 1, ["a"], {}, True, "a\0b"]),
        (records.truth, [True], [1, 0, "true", None]),
        (whole(1, 9), [1, 9], [0, 10, 1.0, True, "1", None, 10**400]),
        (number(0, 1), [0, 0.5, 1], [-1, 2, True, "0", None, 10**400, [0]]),
        (one_of("a", 1), ["a", 1], ["b", True, 1.0, None, []]),
        (listed(whole(), 1, 2), [[1], [1, 2]], [[], [1, 2, 3], ["a"], {}, "12", None, [[1]]]),
        (mapped(whole()), [{}, {"a": 1}], [[], {"a": "b"}, None, "a"]),
        (
            record(a=whole(), b=maybe(records.text)),
            [{"a": 1}, {"a": 1, "b": None}],
            [{}, {"a": None}, {"a": 1, "b": 2}],
        ),
        (either(whole(), records.text), [1, "a"], [None, 1.5, []]),
    ],
)
def test_each_check_takes_what_it_says(check, good, wrong):
    for value in good:
        check_record("card.json", {"key": value}, {"key": check})
    for value in wrong:
        with pytest.raises(InputError, match="^card.json: key"):
            check_record("card.json", {"key": value}, {"key": check})
    with pytest.raises(InputError, match="key"):
        check_record("card.json", {}, {"key": check})
    check_record("card.json", {}, {"key": maybe(check)})


@pytest.mark.parametrize("line", ["[]", "7", "{}", '{"kind": 1, "step": 0, "steps": 0}', "null", '"train"'])
@pytest.mark.parametrize("key", [None, '"loss": "x"', '"loss": [1]', '"step": -1', '"text": 5'])
def test_a_log_holds_events(tmp_path, line, key):
    if key is not None:
        rest = "" if "step" in key else ', "step": 1'
        line = f'{{"kind": "train", "steps": 3{rest}, {key}}}'
    (tmp_path / "events.jsonl").write_text('{"kind": "train", "step": 1, "steps": 3, "loss": null}\n' + line + "\n")
    with pytest.raises(InputError, match="line 2"):
        read_log(tmp_path / "events.jsonl")
