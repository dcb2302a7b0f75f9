"""The page of `regard decompose`: the parts as a stair, three curves, the method in words and formulae, the advice."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from markupsafe import Markup

from ..metrics.intervals import Interval
from ..metrics.power_law import ALPHAS
from ..report.decomposed import Placed, Sized, Step, by_place, by_size, stair
from ..report.html import Highlight, Picture, Section, Table, write_report
from ..studies.decompose.parts import CANNOT, Decomposition, Part

TITLES = {"estimation": "more labels", "approximation": "more capacity", "optimisation": "longer training"}


def part_words(part: Part) -> list[str]:
    """A part's points and interval as text, or that it cannot be told and why."""
    if not part.told:
        return [CANNOT, part.why]
    return [f"{100 * part.found.mean:.1f}", part.found.told(100, 1)]


def write_decomposition_page(
    path: str | Path,
    found: Decomposition,
    family: str,
    *,
    notes: Sequence[str] = (),
    facts: Mapping[str, object] | None = None,
) -> Path:
    """Write the page and return its path.

    Args:
        path: of the page, ends in .html.
        found: the parts and curves.
        family: the family of learners in words.
        notes: what the reader should know.
        facts: how the page was made.

    Raises:
        InputError: a name that does not end in .html.
    """
    plan, error = found.plan, found.error
    capacity, length = (_plain(one) for one in (plan.capacities[plan.capacity], plan.lengths[plan.length]))
    summary = (
        f"`{capacity}`, trained for `{length}` on {plan.sizes[0]:,} images, errs on **{100 * error.mean:.1f} %** of "
        f"{error.n:,} test images. What that is made of, and so what would help:\n\n"
        + "\n".join(f"- {_plain(one)}" for one in found.advice)
    )
    sections = [
        Section("The parts", _PARTS, [Picture(stair_figure(found), _STAIR), _table(found)]),
        Section("By number of images", _size_words(found), [Picture(size_figure(found), _BAND)]),
        Section("By capacity", _CAPACITY, [Picture(capacity_figure(found))]),
        Section("By length of training", _LENGTH, [Picture(length_figure(found))]),
        Section("The method", _method(found, family), []),
    ]
    if notes:
        sections.append(Section("What to know", "", [Table(["note"], [[one] for one in notes])]))
    return write_report(
        path, "What the error is made of", sections, summary, highlights=_highlights(found), facts=facts
    )


def stair_figure(found: Decomposition) -> Markup:
    """The parts, each from where the one before ends; from the right where one in between cannot be told."""
    parts, plan = found.parts, found.plan
    known = {name: one.found for name, one in parts.items() if one.told}
    left, starts = 0.0, dict[str, float]()
    for name in parts:
        if name not in known:
            break
        starts[name] = left
        left += known[name].mean
    right = left if len(starts) == len(parts) else found.error.mean
    for name in list(parts)[::-1]:
        if name not in known or name in starts:
            break
        starts[name] = right = right - known[name].mean
    steps = [Step(name, starts.get(name, 0.0), known.get(name)) for name in parts]
    told = ", ".join(f"{name} {' '.join(part_words(one))}" for name, one in parts.items())
    alt = f"parts of the error of {plan.capacities[plan.capacity]} in points: {told}"
    return stair(steps, found.error, alt, cannot=CANNOT)


def size_figure(found: Decomposition) -> Markup:
    """Errors of the member that is taken apart, and of the largest, against numbers of images."""
    plan, curves = found.plan, []
    for place in dict.fromkeys([plan.capacity, plan.largest]):
        one = found.by_size[place]
        curves.append(Sized(plan.capacities[place], list(zip(one.sizes, one.errors)), one.band, one.limit))
    alt = "error against the number of images: " + "; ".join(
        f"{one.name} {100 * one.measured[0][1].mean:.1f} % with all" for one in curves
    )
    return by_size(curves, alt, x="images to learn from", y=f"error ({plan.lengths[-1]})")


def capacity_figure(found: Decomposition) -> Markup:
    """Errors of all members with all images, and where they lead."""
    plan = found.plan
    measured = Placed(f"{plan.sizes[0]} images", [one.errors[0] for one in found.by_size])
    limits = Placed("endless", [one.limit for one in found.by_size])
    alt = "error by capacity: " + ", ".join(
        f"{name} {100 * one.mean:.1f} %" for name, one in zip(plan.capacities, measured.points) if one is not None
    )
    drawn = [measured, limits] if any(one is not None for one in limits.points) else [measured]
    return by_place(drawn, plan.capacities, plan.capacity, alt, x="capacity", y=f"error ({plan.lengths[-1]})")


def length_figure(found: Decomposition) -> Markup:
    """Errors with all images by length of training."""
    plan = found.plan
    alt = "error by length: " + ", ".join(
        f"{name} {100 * one.mean:.1f} %" for name, one in zip(plan.lengths, found.by_length)
    )
    series = [Placed(plan.capacities[plan.capacity], found.by_length)]
    return by_place(series, plan.lengths, plan.length, alt, x="training", y=f"error, {plan.sizes[0]} images")


def _table(found: Decomposition) -> Table:
    rows = [[name, *part_words(one), _MEANING[name]] for name, one in found.parts.items()]
    error: Interval = found.error
    rows.append(["error, measured", f"{100 * error.mean:.1f}", error.told(100, 1), "on the test images"])
    return Table(["part", "points", "95 % interval", "what it is"], rows)


def _highlights(found: Decomposition) -> list[Highlight]:
    shown = []
    for name, what in TITLES.items():
        one = found.parts[name]
        if not one.told:
            shown.append(Highlight("?", f"{what}: {CANNOT}", one.why))
            continue
        note = f"{name} {100 * one.found.mean:.1f} {one.found.told(100, 1)}"
        shown.append(Highlight(f"≤ {max(100 * one.found.high, 0):.1f}", f"points from {what}", note))
    return shown


def _size_words(found: Decomposition) -> str:
    plan, lines = found.plan, []
    for place in dict.fromkeys([plan.capacity, plan.largest]):
        one = found.by_size[place]
        name = _plain(plan.capacities[place])
        if one.limit is None:
            lines.append(f"- `{name}`: no power law fits these errors, so where they lead {CANNOT}.")
        else:
            limit = f"**{100 * one.limit.mean:.1f} %** {one.limit.told(100, 1)}"
            lines.append(f"- `{name}`: leads to {limit} with endless images; exponent {one.exponent:.2f}.")
    return "\n".join(lines)


def _method(found: Decomposition, family: str) -> str:
    plan = found.plan
    capacity, largest = _plain(plan.capacities[plan.capacity]), _plain(plan.capacities[plan.largest])
    length, longest = _plain(plan.lengths[plan.length]), _plain(plan.lengths[-1])
    blocks = [
        f"The family is {family}: {', '.join(f'`{_plain(one)}`' for one in plan.capacities)}. Write e(n, c, t) for the "
        "share of test images that is told wrongly after learning from n images with capacity c for length t, on "
        f"average over training sets. Here N = {plan.sizes[0]:,}, c = `{capacity}`, C = `{largest}` (the largest), "
        f"t = `{length}`, T = `{longest}`. Then",
        "`e(N, c, t) = rest + approximation + estimation + optimisation`",
        "- **optimisation** = `e(N, c, t) - e(N, c, T)`: stopped at t and not trained on to T. Both are measured.\n"
        "- **estimation** = `e(N, c, T) - e(∞, c, T)`: learned from N images and not from endless ones of their kind.\n"
        "- **approximation** = `e(∞, c, T) - e(∞, C, T)`: what the largest member does better with endless images.\n"
        "- **rest** = `e(∞, C, T)`: below this no member gets. It is no less than the Bayes error, the least that any "
        "learner has; how much more is not known, as it holds what the largest member lacks, and wrong labels.",
        "Nobody has endless images. e(∞, c, T) comes from a curve `e(n) = E + a ((N + s) / (n + s))^α` with E, a, "
        f"s ≥ 0 and {plan.slowest:g} ≤ α ≤ {ALPHAS[1]:g}, fitted to the errors with "
        f"{', '.join(f'{one:,}' for one in plan.sizes)} images, those of c and C together. s is "
        "how many images it takes to get on the curve, α how fast errors shrink in the end, a what N images lack.",
        "The intervals hold three kinds of luck: which images are tested; which images there are to learn from, by the "
        f"difference between the two halves of the training set, cut {plan.cuts} times; and which curve it is, as "
        "each that fits as well as the ends of an interval do is in. Where these lead to ends farther apart than the "
        f"whole error, or no such curve fits, the page says “{CANNOT}”. More test images and more training images are "
        "what would tell it.",
        "What endless images of the same kind would give says nothing of images of another kind. After Bottou and "
        "Bousquet, “The tradeoffs of large scale learning”, 2008, with the largest member in the place of the best of "
        "all functions.",
    ]
    return "\n\n".join(blocks)


def _plain(text: str) -> str:
    return text.replace("`", "").replace("*", "")


_MEANING = {
    "rest": "with endless images and the largest capacity",
    "approximation": "what the largest capacity would do better",
    "estimation": "what endless images would do better",
    "optimisation": "what longer training would do better",
}
_PARTS = (
    "Each part is the points of error that would go if one thing were without end and all else stayed as it is. One "
    "below zero says that more of it does harm."
)
_STAIR = "Each bar begins where the one before ends; the thin line at its end is its 95 % interval."
_BAND = (
    "Points are measured, lines are fitted, bands hold all curves that fit; at the right is where they lead. To the "
    "right of the dashed line nothing was measured."
)
_CAPACITY = (
    "With all images, and where the fitted curves lead with endless ones. The dashed line is what is taken apart."
)
_LENGTH = "With all images. The dashed line is what is taken apart."
