"""Which tests are slow, as a run of all of them measured: `tests/slow.txt`, which `conftest.py` marks by.

make test-all TESTS=--junitxml=all.xml && python tests/slow.py all.xml
"""

import sys
from pathlib import Path
from xml.etree import ElementTree

LIST = Path(__file__).with_name("slow.txt")
SECONDS = 3.0  # of processor time, with what is set up for it; what the clock says depends on who else is at work


def node(case: ElementTree.Element) -> str:
    """The name by which pytest calls a test, from how its report does."""
    parts = case.attrib["classname"].split(".")
    classes = [part for part in parts if part[:1].isupper()]
    return "::".join(["/".join(parts[: len(parts) - len(classes)]) + ".py", *classes, case.attrib["name"]])


def cost(case: ElementTree.Element) -> float:
    """Its seconds of processor time, as tests/conftest.py tells them; 0 for the examples in src/, which have none."""
    told = {one.attrib["name"]: one.attrib["value"] for one in case.iter("property")}
    return float(told.get("processor", 0))


def main(report: str) -> None:
    """Write the list from a report of pytest."""
    cases = ElementTree.parse(report).getroot().iter("testcase")
    slow = sorted({node(case) for case in cases if cost(case) >= SECONDS})
    LIST.write_text("\n".join(slow) + "\n", encoding="utf-8")
    print(f"{len(slow)} tests of {SECONDS:g} seconds and more")


if __name__ == "__main__":
    main(sys.argv[1])
