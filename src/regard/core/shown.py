r"""Text from outside, made safe to show: what a terminal or a figure would obey, or not show at all, is escaped.

A file name may hold any character. A terminal acts on control characters, turns lines round after bidirectional
controls (so that `gpj.exe` reads as `exe.jpg`), and shows nothing for zero-width characters and tags, behind which
two different names look alike. Each of these is written as Python would write it: `\x1b`, `\u202e`, `\U000e0041`.
"""

import re

# Unicode's control, format and surrogate characters, line and paragraph separators, and what else it calls ignorable
# by default (selectors of variants, fillers); the sweep over all characters in the tests keeps the list whole
_HIDDEN = (
    r"\x00-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    r"\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0"
    r"\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff"
)
HIDDEN = re.compile(f"[{_HIDDEN}]")


def visible(text: object, keep: str = "") -> str:
    r"""Escape every character that has no sign of its own, but for those of `keep`.

    >>> visible("a\x1b[31m\u202e.png")
    'a\\x1b[31m\\u202e.png'
    >>> visible("größe 3 m²"), visible("one\ntwo", keep="\n")
    ('größe 3 m²', 'one\ntwo')
    """
    return HIDDEN.sub(lambda found: found[0] if found[0] in keep else _escaped(found[0]), str(text))


def encodable(text: str, encoding: str | None) -> str:
    r"""Escape what an encoding cannot write, so that showing a text never fails.

    >>> encodable("3 m²", "ascii"), encodable("3 m²", "utf-8")
    ('3 m\\xb2', '3 m²')
    """
    if encoding is None:
        return text
    return text.encode(encoding, "backslashreplace").decode(encoding)


def json_visible(text: str) -> str:
    r"""Escape the same characters in a text of JSON as JSON does, so that it reads back as the same value.

    >>> json_visible('"\u202e\U000e0041"')
    '"\\u202e\\udb40\\udc41"'
    """
    return HIDDEN.sub(lambda found: found[0] if found[0] in "\n\t" else _json_escaped(found[0]), text)


def _escaped(character: str) -> str:
    short = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
    code = ord(character)
    wide = f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return short.get(character, wide)


def _json_escaped(character: str) -> str:
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
