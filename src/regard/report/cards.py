"""Pictures with what is known of them: the file's name as a link to it, further facts, and a click that enlarges.

Enlarging needs no script: a button opens an element of HTML's popover, Escape and a click beside it close it. A file is
linked by its path from the page, percent-encoded, so that a name can never be read as another kind of address.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from .picture import SIDE, embedded, loaded

LARGE = 720  # pixels of the longer side of an enlarged picture: some 60 kB
MANY = 150  # pictures of one page that can be enlarged; further ones lead to their files
FEW = 6  # facts below a picture; all of them beside the enlarged one
LONG = 160  # characters of a fact below a picture; whole beside the enlarged one


@dataclass(frozen=True)
class About:
    """What stands below a picture.

    Attributes:
        name: the file's name, or what else the picture is called.
        link: where the file is, as `file_link` gives it; "" where there is none.
        path: the file's whole path as text, told beside the enlarged picture.
        facts: (what, value) pairs, such as ("date", "1921"); values that are None are left out.
        marks: words that set the picture apart from its neighbours, such as "largest".
    """

    name: str
    link: str = ""
    path: str = ""
    facts: Sequence[tuple[str, object]] = ()
    marks: Sequence[str] = ()


@dataclass
class Gallery:
    """The pictures of one page that can be enlarged, each embedded large at most once."""

    known: dict[object, str] = field(default_factory=dict)

    def frame(self, image: Any, about: About, alt: str, key: object = None, small: Any = None) -> Markup:
        """The picture as a button that enlarges it, with what it opens; after `MANY` of them a link to its file.

        Args:
            image: as `thumbs.thumbnail` takes it.
            about: what stands beside it when it is large.
            alt: what the picture shows.
            key: names the picture, so that one that is shown again opens what is there already.
            small: what the button shows, where it is not a small copy of the same.
        """
        name = None if key is None else self.known.get(key)
        new = name is None and len(self.known) < MANY
        picture = loaded(image, LARGE if new else SIDE)
        small = embedded(picture, alt) if small is None else embedded(loaded(small, 2 * SIDE), alt, 2 * SIDE)
        if isinstance(picture, str):
            return Markup('<div class="frame">{}</div>').format(small)
        if name is None and not new:
            if not about.link:
                return Markup('<div class="frame">{}</div>').format(small)
            return Markup('<a class="frame" href="{}">{}</a>').format(about.link, small)
        if name is None:
            name = f"large-{len(self.known) + 1}"
            self.known[name if key is None else key] = name
        button = Markup('<button type="button" class="frame" popovertarget="{}" title="enlarge">{}</button>').format(
            name, small
        )
        return button + (_large(name, embedded(picture, alt, LARGE), about) if new else Markup(""))


def _large(name: str, image: Markup, about: About) -> Markup:
    place = about.path or about.name
    path = Markup('<a href="{}"><bdi>{}</bdi></a>').format(about.link, place) if about.link else _bdi(place)
    return Markup(
        '<div popover id="{}" class="large" role="dialog" aria-label="{}">{}'
        '<p class="title">{}</p><p class="path">{}</p>{}'
        '<button type="button" autofocus popovertarget="{}" popovertargetaction="hide">Close</button></div>'
    ).format(name, about.name, image, _bdi(about.name), path, _facts(about.facts, len(about.facts), None), name)


def caption(about: About, before: Markup | None = None) -> Markup:
    """What stands below a picture: marks, `before` (a score perhaps), the name as a link, and the facts."""
    marks = Markup("").join(Markup('<span class="tag">{}</span> ').format(mark) for mark in about.marks)
    name = Markup('<a class="name" href="{}">{}</a>').format(about.link, _bdi(about.name)) if about.link else None
    return Markup("{}{}{}{}").format(
        marks,
        before or "",
        name or Markup('<span class="name">{}</span>').format(_bdi(about.name)),
        _facts(about.facts, FEW, LONG),
    )


def file_link(path: str | Path, page: str | Path) -> str:
    """The address of a file as seen from a page, percent-encoded; "" where there is no such file.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "javascript:a b#1.png").touch()
    >>> file_link(folder / "javascript:a b#1.png", folder / "page.html")
    'javascript%3Aa%20b%231.png'
    >>> file_link("https://example.org/a.png", folder / "page.html")
    ''
    """
    try:
        if not str(path) or not os.path.isfile(path):
            return ""
        place = os.path.abspath(path)
    except (OSError, ValueError):  # such as a name with NUL
        return ""
    try:
        relative = os.path.relpath(place, os.path.abspath(Path(page).parent))
    except ValueError:  # on another drive
        return Path(place).as_uri()
    # a browser takes the steps of an address one by one, as relpath does, whatever is a link to elsewhere
    return quote(os.fsencode(Path(relative).as_posix()))


def _facts(facts: Sequence[tuple[str, object]], few: int, long: int | None) -> Markup:
    rows = [(name, str(value)) for name, value in facts if value is not None and str(value).strip()]
    if not rows:
        return Markup("")
    cut = [(name, value if long is None or len(value) <= long else value[:long] + "…") for name, value in rows[:few]]
    more = Markup("<div><dt>…</dt><dd>and {} more</dd></div>").format(len(rows) - few) if len(rows) > few else ""
    told = Markup("").join(Markup("<div><dt>{}</dt> <dd>{}</dd></div>").format(_bdi(n), _bdi(v)) for n, v in cut)
    return Markup('<dl class="facts">{}{}</dl>').format(told, more)


def _bdi(text: str) -> Markup:
    """Text that keeps its direction to itself: a name in Arabic does not turn what stands beside it."""
    return Markup("<bdi>{}</bdi>").format(text)
