"""Every character that has no sign of its own is shown as an escape; every other stands as it is."""

import json
import sys
import unicodedata

import pytest

from regard.core.shown import HIDDEN, encodable, json_visible, visible

# what Unicode calls ignorable by default and has in no category of its own
IGNORABLE = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\ufe00\ufe0f\uffa0\U000e0100\U000e01ef\U000e0fff"
)


def test_all_of_unicode():
    odd = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    missed = [
        at for at in range(sys.maxunicode + 1) if unicodedata.category(chr(at)) in odd and not HIDDEN.match(chr(at))
    ]
    assert not missed, [hex(at) for at in missed]
    assert all(map(HIDDEN.match, IGNORABLE))
    letters = [at for at in range(sys.maxunicode + 1) if unicodedata.category(chr(at))[0] in "LNPSZ"]
    taken = {at for at in letters if HIDDEN.match(chr(at))} - {0x2028, 0x2029} - set(map(ord, IGNORABLE))
    assert not taken, [hex(at) for at in taken]


@pytest.mark.parametrize(
    "character", ["\x1b", "\x7f", "\x9b", "\r", "\u202e", "\u2066", "\u061c", "\udcff", "\U000e0041"]
)
def test_an_escape_is_what_python_writes_and_json_reads_back(character):
    text = f"a{character}b"
    assert visible(text) == "a" + ascii(character)[1:-1] + "b"
    written = json_visible(json.dumps({text: [text]}, ensure_ascii=False))
    assert not HIDDEN.search(written) and json.loads(written) == {text: [text]}


def test_what_an_encoding_lacks_is_escaped():
    assert encodable("größe ≥ 3 \udc80", "latin-1") == "größe \\u2265 3 \\udc80"
    assert encodable("größe", None) == "größe"
    assert visible("größe 大きさ 😀 e\u0301 a\nb", keep="\n") == "größe 大きさ 😀 e\u0301 a\nb"
