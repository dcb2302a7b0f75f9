"""A comparison of adaptation methods as one HTML page: what each was worth and cost, and a map before and after."""

import platform
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .. import __version__
from ..adapt.choose.select import Choice
from ..adapt.worth.comparison import BASELINES, Comparison, Row
from ..adapt.worth.run import adapter
from ..core.discover import names
from ..core.runtime import numpy_rng, threads
from ..metrics.intervals import TOO_FEW, Interval
from ..report.figures import bars_with_intervals
from ..report.gains import Gain
from ..report.html import Highlight, Picture, Section, Table, write_report
from ..report.maps import map_before_after
from ..representation.project2d import project

_SHOWN = 300  # samples of each domain on the map


class _Labelled(Protocol):
    @property
    def vectors(self) -> np.ndarray: ...
    @property
    def labels(self) -> np.ndarray | None: ...


def write_adaptation_page(
    found: Comparison,
    source: _Labelled,
    target: _Labelled,
    path: str | Path,
    *,
    command: str,
    seed: int = 0,
    **own: Any,
) -> Path:
    """Write the page and return its path.

    Args:
        found: the comparison.
        source: what was compared, with labels.
        target: the same.
        path: of the page, ends in .html.
        command: the command line that made it.
        seed: of the samples on the map.
        own: settings of the method on the map, such as its classifier.
    """
    base = found.row("source_and_labels" if any(r.name == "source_and_labels" for r in found.rows) else "source_only")
    rows = [row for row in found.rows if row.gain is not None and row.name != "oracle"]
    shown = next((row for row in rows if row.name == "auto"), max(rows, key=lambda row: row.accuracy.mean))
    highlights = [
        Highlight(_percent(base.accuracy), f"{base.name}: without adaptation", ""),
        Highlight(_percent(shown.accuracy), shown.name, f"{shown.gain.verdict}" if shown.gain else ""),
        *[
            Highlight(_percent(row.accuracy), "oracle: with all target labels")
            for row in found.rows[-1:]
            if row.name == "oracle"
        ],
    ]
    verdicts = [row.gain.verdict for row in rows if row.gain and row.name != "auto"]
    summary = (
        f"Of {len(verdicts)} methods **{verdicts.count('gain')}** gained on {base.name} beyond chance "
        f"(95 % intervals over {found.over})"
        + (f"; of {verdicts.count(TOO_FEW)} there is too little to say. " if TOO_FEW in verdicts else ". ")
        + (f"**auto** took `{found.choice.name}` without target labels" if found.choice else "")
        + (f", {100 * found.regret:.1f} points behind the best of its candidates." if found.regret is not None else "")
    )
    sections = [
        _accuracies(found, base),
        _map(shown, found.choice, source, target, seed, own),
        *_choice(found),
        _costs(found),
    ]
    facts = {"command": command, "regard": __version__, "machine": f"{platform.machine()}, {threads()} processors"}
    gains = [Gain(row.name, base.accuracy, row.accuracy, row.gain, seconds=row.seconds) for row in rows if row.gain]
    return write_report(
        path, "What adapting was worth", sections, summary, gains=gains, highlights=highlights, facts=facts
    )


def _accuracies(found: Comparison, base: Row) -> Section:
    bars = [(row.name, row.accuracy) for row in found.rows]
    picture = bars_with_intervals(
        bars, "accuracy on the target of every method", references={base.name: base.accuracy.mean}
    )
    text = f"Intervals are over {found.over}. The dashed line is {base.name}; `oracle` learned from target labels."
    notes = "\n".join(f"- {note}" for note in found.notes)
    return Section(
        "Accuracy on the target",
        f"{text}\n\n{notes}",
        [Picture(picture)],
    )


def _map(
    row: Row, choice: Choice | None, source: _Labelled, target: _Labelled, seed: int, own: dict[str, Any]
) -> Section:
    assert source.labels is not None and target.labels is not None  # a comparison needs them
    model = adapter(row.name)
    known = model.get_params(deep=False)
    if choice is not None and row.name == "auto":  # from the candidates that it had
        own = {"methods": [one.name for one in choice.rows if one.name in names("adapt")], **own}
    model.set_params(**{key: value for key, value in own.items() if key in known})
    if type(model).needs_target_labels:
        return Section("Before and after", f"`{row.name}` learns from target labels; no map is drawn.")
    model.fit(source.vectors, source.labels, target.vectors)
    rng = numpy_rng(seed, "map")
    s, t = (rng.permutation(len(one.vectors))[:_SHOWN] for one in (source, target))
    before = np.concatenate([source.vectors[s], target.vectors[t]])
    after = np.concatenate([model.transform(source.vectors[s], "source"), model.transform(target.vectors[t])])
    picture = map_before_after(
        project(before, "tsne", seed),
        project(after, "tsne", seed),
        np.repeat(["source", "target"], [len(s), len(t)]),
        np.concatenate([source.labels[s], target.labels[t]]).astype(str),
        alt=f"both domains on a plane before and after {row.name}",
        titles=("before", f"after {row.name}"),
    )
    return Section(
        "Before and after",
        "Both domains on a plane (t-SNE keeps who is near whom; sizes and gaps of clusters mean nothing). Colours "
        "above are domains, below classes.",
        [Picture(picture, f"{len(s)} source and {len(t)} target samples, drawn at random.")],
    )


def _choice(found: Comparison) -> list[Section]:
    if found.choice is None:
        return []
    scorers = list(next(row.scores for row in found.choice.rows if row.scores))
    rows: list[list[object]] = [
        [
            ("→ " if row.name == found.choice.name else "") + row.name,
            row.failed or row.source,
            *(row.scores.get(scorer) for scorer in scorers),
        ]
        for row in found.choice.rows
    ]
    text = (
        "What each candidate scored **without target labels**, beside its accuracy on held-out source samples. A "
        "method is taken only where its score beats that of no adaptation by more than chance."
    )
    return [Section("The choice of auto", text, [Table(["candidate", "source accuracy", *scorers], rows)])]


def _costs(found: Comparison) -> Section:
    rows = [
        [row.name, round(row.seconds, 3)]
        + ([round(row.shift.rbf, 4), round(row.shift.a_distance, 2)] if row.shift else [None, None])
        for row in found.rows
        if row.name not in BASELINES
    ]
    before = ["before", None, round(found.before.rbf, 4), round(found.before.a_distance, 2)]
    table = Table(
        ["method", "seconds", "MMD² left", "A-distance left"],
        [before, *rows],
        "Seconds to fit and predict, mean over draws.",
    )
    text = "A smaller shift is no proof of a better classifier: classes may have been laid on one another wrongly."
    return Section("Cost, and the shift that is left", text, [table])


def _percent(value: Interval) -> str:
    return f"{100 * value.mean:.1f} %"
