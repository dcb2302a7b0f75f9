"""The page of `regard duplicates`: copies side by side, what tells them apart, and choices that make one file."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from .. import report
from ..data.imageset import ImageSet
from ..report.html import Picture, Section, Tool, literal, write_report
from ..reuse.duplicates.find import Duplicates, Pair
from ..reuse.duplicates.summary import told_counts, why
from .duplicates_album import Album

WIDE = 24  # pictures of a group that are shown, and that a choice is about
FILE = "regard-decisions.json"  # what the browser saves


def write_duplicates_page(
    out: Path,
    index: str,
    images: ImageSet,
    found: Duplicates,
    shown: Mapping[str, Sequence[Pair]],
    limit: int,
    decide: bool = False,
) -> None:
    """Write the page: groups of copies, then pairs of each kind with what was measured; at most `limit` of each.

    With `decide` there are choices, and a button that saves them as the file that `duplicates INDEX --decide` reads.
    """
    album = Album(images, found, out)
    sections = []
    if found.groups:
        blocks = [
            Picture(_group(album, group[:WIDE], at, decide), _more(len(group), WIDE, "images"))
            for at, group in enumerate(found.groups[:limit], 1)
        ]
        sections.append(Section("Groups of copies", _more(len(found.groups), limit, "groups"), blocks))
    for kind, pairs in shown.items():
        blocks = [Picture(_pair(album, one, decide), _told(one)) for one in pairs[:limit]]
        if blocks:
            sections.append(Section(kind.capitalize(), _more(len(pairs), limit, "pairs"), blocks))
    if not sections:
        sections = [Section("Nothing found", "There are no copies among these images.")]
    write_report(
        out,
        f"Copies in {index}",
        sections,
        _summary(index, images, found, shown, decide),
        tool=_tool() if decide else None,
    )


def _summary(
    index: str, images: ImageSet, found: Duplicates, shown: Mapping[str, Sequence[Pair]], decide: bool
) -> Markup:
    aside = f" {len(found.set_aside)} image(s) could not be read." if found.set_aside else ""
    said = literal(f"Images: {len(images)}. {told_counts(found, shown)}{aside}")
    if not decide:
        quoted = shlex.quote(index)
        return said + Markup(
            "<p>These are images, not an index, so that nothing can be decided here. "
            "Make an index first: <code>regard index {} --out INDEX</code></p>"
        ).format(quoted)
    return said + Markup(
        "<p>Say below which are the same photo and which are different, save the decisions with the button at the foot "
        "of the window, and give the file to <code>regard duplicates {} --decide {}</code>. What is left undecided "
        "stays as it is.</p><noscript><p>The choices need JavaScript, which this browser does not run here.</p>"
        "</noscript>"
    ).format(shlex.quote(index), FILE)


def _group(album: Album, group: Sequence[str], at: int, decide: bool) -> Markup:
    """Pictures of a group with what tells them apart; a choice below each, and buttons for all of them."""
    if not decide or len({album.content(name) for name in group}) == 1:
        return album.cards(group)
    words = (("same", "All the same photo"), ("different", "All different"), ("", "All undecided"))
    buttons = Markup("").join(
        Markup('<button type="button" data-all="{}">{}</button>').format(verdict, word) for verdict, word in words
    )
    below = {
        name: _choice(f"g{at}-{place}", name, Markup("data-picture"), album.named(name))
        for place, name in enumerate(group)
    }
    return Markup('<div data-group><div class="choices" role="group" aria-label="Group {}">{}</div>{}</div>').format(
        at, buttons, album.cards(group, below)
    )


def _pair(album: Album, pair: Pair, decide: bool) -> Markup:
    """Both pictures of a pair, with the box where one lies in the other, and a choice."""
    both = album.cards((pair.a, pair.b), pair=pair)
    if not decide or album.content(pair.a) == album.content(pair.b):
        return both
    name = f"p-{album.number(pair.a)}-{album.number(pair.b)}"
    about = f"[{album.named(pair.a)}, {album.named(pair.b)}]"
    return both + _choice(name, f"{pair.a} and {pair.b}", Markup("data-pair"), about)


def _choice(name: str, legend: str, what: Markup, about: str) -> Markup:
    words = (("", "undecided"), ("same", "same photo"), ("different", "different"))
    labels = Markup("").join(
        Markup('<label><input type="radio" name="{}" value="{}"{}>{}</label>').format(
            name, verdict, Markup("") if verdict else Markup(" checked"), word
        )
        for verdict, word in words
    )
    return Markup('<fieldset {}="{}"><legend class="unseen">{}</legend>{}</fieldset>').format(
        what, about, legend, labels
    )


def _tool() -> Tool:
    script = Path(report.__file__).with_name("decisions.js").read_text(encoding="utf-8")
    bar = Markup(
        '<div class="decide" id="decide" role="region" aria-label="Decisions" data-file="{}" hidden>'
        '<output>0 decisions</output><button type="button">Save {}</button></div>'
    ).format(FILE, FILE)
    return Tool(bar, script)


def _more(count: int, limit: int, what: str) -> str:
    return f"The first {limit} of {count} {what}." if count > limit else f"{count} {what if count > 1 else what[:-1]}."


def _told(pair: Pair) -> str:
    return f"{pair.score:.0%} alike: {why(pair)}"
