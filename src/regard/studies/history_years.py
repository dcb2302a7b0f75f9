"""Representations of images in the order of their years, and what each reached on ImageNet when it was published.

Errors are the share of pictures, in per cent, whose label is not among the first five answers, in the ImageNet
challenge (ILSVRC) that each was entered in. `checked` says how far each was compared with its source; what stands there
from memory is said to be so, and proves nothing. They give an order, and are no figures to be reached: 1.2 million
pictures of 1,000 classes are not what is measured here, and most are of several networks together.
"""

from typing import NamedTuple

from ..core.checks import bad, check_choice

SOURCE, SECOND, MEMORY = "in the source", "in a later text that repeats it", "from memory, not checked"


class Entry(NamedTuple):
    """One representation of the line.

    Attributes:
        key: short name.
        title: as texts have it.
        year: of publication.
        error: top-5 error in per cent; None where there is none on ImageNet.
        source: who reports it.
        checked: `SOURCE`, `SECOND` or `MEMORY`.
        scaled: name of its network for small pictures; "" where it is no network.
        published: name of its network as it was published; "" where it is no network.
    """

    key: str
    title: str
    year: int
    error: float | None
    source: str
    checked: str
    scaled: str = ""
    published: str = ""


LINE = (
    Entry(
        "bag_of_words",
        "bag of words",
        2004,
        None,
        "Csurka et al. 2004; below Fisher vectors on VOC 2007 in Chatfield et al. 2011",
        MEMORY,
    ),
    Entry("fisher", "Fisher vectors", 2010, 25.8, "Perronnin et al. 2010; the winner of ILSVRC 2011", SECOND),
    Entry(
        "alexnet",
        "AlexNet",
        2012,
        15.3,
        "Krizhevsky et al. 2012: several networks, further pictures; 18.2 of one network is from memory",
        SOURCE,
        "alexnet_scaled",
        "alexnet",
    ),
    Entry("zfnet", "ZF", 2013, 14.8, "Zeiler and Fergus 2014: six networks", MEMORY, "zfnet_scaled", "zfnet"),
    Entry("vgg", "VGG", 2014, 7.3, "Simonyan and Zisserman 2015, in ILSVRC 2014", SECOND, "vgg_scaled", "vgg16"),
    Entry(
        "googlenet",
        "GoogLeNet",
        2014,
        6.7,
        "Szegedy et al. 2015, the winner of ILSVRC 2014",
        SECOND,
        "googlenet_scaled",
        "googlenet",
    ),
    Entry("resnet", "ResNet", 2015, 3.57, "He et al. 2016: several networks", SOURCE, "resnet_scaled", "resnet50"),
)
SCALED, PUBLISHED, ALL = "scaled", "published", "all"
CLASSIC = tuple(entry.key for entry in LINE if not entry.scaled)


class Row(NamedTuple):
    """A way to make vectors, and where it stands.

    Attributes:
        name: of the network, of the classic pipeline, or of a reference.
        entry: of the line; None of a reference, which is no part of the order.
        place: in the published order, from 0; equal for two forms of one network. -1 of a reference.
    """

    name: str
    entry: Entry | None
    place: int

    @property
    def title(self) -> str:
        """As texts have it, with the year."""
        if self.entry is None:
            return self.name
        form = " as published" if self.name == self.entry.published else ""
        return f"{self.entry.title}{form} ({self.entry.year})"


def asked_rows(networks: str = SCALED, classic: bool = True) -> list[Row]:
    """The rows that a choice of networks means, in the published order.

    Args:
        networks: scaled | published | all, or names with commas between them: `vgg` or `vgg_scaled` for small pictures,
            `vgg_published` for the network of the paper.
        classic: with bag of words and Fisher vectors.

    Raises:
        InputError: a name that is not of the line, or none.

    >>> [row.name for row in asked_rows("resnet,alexnet")]
    ['bag_of_words', 'fisher', 'alexnet_scaled', 'resnet_scaled']
    """
    of_line = [entry for entry in LINE if entry.scaled]
    known = {f"{entry.key}_{form}": getattr(entry, form) for entry in of_line for form in (SCALED, PUBLISHED)}
    if networks == ALL:
        wanted = list(known.values())
    elif networks in (SCALED, PUBLISHED):
        wanted = [getattr(entry, networks) for entry in of_line]
    else:
        known |= {entry.key: entry.scaled for entry in of_line}
        given = [name.strip() for name in networks.split(",") if name.strip()]
        for name in given:
            check_choice("--networks", name, [SCALED, PUBLISHED, ALL, *known])
        if not given or {SCALED, PUBLISHED, ALL} & set(given):
            raise bad("--networks", repr(networks), "scaled, published or all, or names with commas between them")
        wanted = [known[name] for name in given]
    rows = [Row(entry.key, entry, place) for place, entry in enumerate(LINE) if classic and not entry.scaled]
    rows += [
        Row(name, entry, place)
        for place, entry in enumerate(LINE)
        for name in (entry.scaled, entry.published)
        if name in wanted
    ]
    return rows
