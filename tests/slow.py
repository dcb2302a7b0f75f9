"""Which tests are slow, as a run of all of them measured: `tests/slow.txt`, which `conftest.py` marks by.

make test-all TESTS=--junitxml=all.xml && python tests/slow.py all.xml
"""

import sys
from pathlib import Path
from xml.etree import ElementTree

LIST = Path(__file__).with_name("slow.txt")
SECONDS = 6.0  # with what is set up for it, in a run of two processes on two processors


def node(case: ElementTree.Element) -> str:
    """The name by which pytest calls a test, from how its report does."""
    parts = case.attrib["classname"].split(".")
    classes = [part for part in parts if part[:1].isupper()]
    return "::".join(["/".join(parts[: len(parts) - len(classes)]) + ".py", *classes, case.attrib["name"]])


def main(report: str) -> None:
    """Write the list from a report of pytest."""
    cases = ElementTree.parse(report).getroot().iter("testcase")
    slow = sorted({node(case) for case in cases if float(case.attrib["time"]) >= SECONDS})
    LIST.write_text("\n".join(slow) + "\n", encoding="utf-8")
    print(f"{len(slow)} tests of {SECONDS:g} seconds and more")


if __name__ == "__main__":
    main(sys.argv[1])
