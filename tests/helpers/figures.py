"""What is in a figure's SVG."""

from typing import Any
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"


def parsed(figure: Any) -> ElementTree.Element:
    """The figure as a tree of elements."""
    return ElementTree.fromstring(str(figure))


def texts(figure: Any) -> list[str]:
    """Every text of the figure, in order."""
    return ["".join(each.itertext()).strip() for each in parsed(figure).iter(f"{SVG}text")]
