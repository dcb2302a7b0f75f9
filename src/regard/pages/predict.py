"""The page of `regard predict`: what was least sure, what was wrong, and what each label was given to, as pictures."""

import heapq
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from ..data.imageset import ImageSet
from ..report.html import Picture, Section, Table, write_report
from ..report.thumbs import previews
from ..reuse.predict import Answers, Predictor

WIDE, FEW, CLASSES = 24, 8, 30  # pictures of a section, pictures of a label, labels that are shown
Told = tuple[float, int, int, float]  # rank (the smallest goes first), row, class, probability


class Shown:
    """The few images that a page will show, whatever number goes by."""

    def __init__(self, images: ImageSet, classes: Sequence[str]) -> None:
        self.images, self.classes = images, classes
        self.unsure: list[Told] = []
        self.wrong: list[Told] = []
        self.sure: dict[int, list[Told]] = {}

    def add(self, answers: Answers) -> None:
        """Take what ranks among the first so far."""
        places, shares = answers.best()
        for row, place, share in zip(answers.rows.tolist(), places[:, 0].tolist(), shares[:, 0].tolist()):
            _keep(self.unsure, (-share, row, place, share), WIDE)
            if self.images.labels is not None and str(self.images.labels[row]) != self.classes[place]:
                _keep(self.wrong, (share, row, place, share), WIDE)
            _keep(self.sure.setdefault(place, []), (share, row, place, share), FEW)


def _keep(heap: list[Told], one: Told, most: int) -> None:
    (heapq.heappush if len(heap) < most else heapq.heappushpop)(heap, one)


def write_predictions_page(out: Path, run: str, made: Predictor, shown: Shown) -> None:
    """Write the page of a pass that has ended."""

    def pictures(told: list[Told]) -> Markup:
        return previews([(_caption(shown, one), made.images.items[one[1]]) for one in sorted(told, reverse=True)])

    count = made.metrics["images"]
    ordered = sorted(made.counts.items(), key=lambda pair: -pair[1])
    given = [[name, number, number / count] for name, number in ordered if number]
    sections = [Section("Labels", "", [Table(["label", "images", "share"], given)])]
    if shown.wrong and made.interval is not None:  # where the run knows no class, all would be
        text = "Where the label is another than the images' own, the surest first."
        sections.append(Section("Wrong, and sure of it", text, [Picture(pictures(shown.wrong))]))
    text = "The lowest probabilities: look at these first."
    sections.append(Section("Least sure", text, [Picture(pictures(shown.unsure))]))
    blocks = [
        Picture(pictures(shown.sure[place]), f"{name}: {number} images")
        for name, number in ordered[:CLASSES]
        if (place := list(made.classes).index(name)) in shown.sure
    ]
    sections.append(Section("Surest of each label", "", blocks))
    accuracy = f" Accuracy: {made.interval}." if made.interval is not None else ""
    aside = f" {len(made.set_aside)} image(s) could not be read." if made.set_aside else ""
    notes = "".join(f"\n\n{note}" for note in made.notes)
    write_report(out, f"Labels by {run}", sections, f"Images: {count}.{accuracy}{aside}{notes}")


def _caption(shown: Shown, told: Told) -> str:
    """The label, how sure, the image's own label where it is another, and its name."""
    _, row, place, share = told
    said = shown.classes[place]
    own = None if shown.images.labels is None else str(shown.images.labels[row])
    truth = f", is {own}" if own is not None and own != said else ""
    return f"{said} {share:.0%}{truth} · {Path(str(shown.images.ids[row])).name}"
