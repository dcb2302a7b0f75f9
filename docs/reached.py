"""Put what the tasks reached into their pages, and the whole table into docs/reproduced.md.

    python bench/pretext.py --data FOLDER --out FILE.json && python docs/reached.py FILE.json

Every page in docs/tasks with a line `<!-- reached: NAME -->` gets the figures of its task, up to `**Source.**`;
in docs/reproduced.md what follows `<!-- pretext -->` is replaced.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

PAGES = Path(__file__).parent / "tasks"
TITLES = {
    "linear": "linear",
    "knn": "k-NN",
    "linear_5shot": "linear, 5 labels a class",
    "retrieval": "same icon, other style",
}
MARK = "<!-- pretext -->"
BLOCK = re.compile(r"(<!-- reached: (\w+) -->\n).*?(?=\*\*Source\.\*\*)", re.S)


def rows_of(found: list[dict[str, Any]], arm: str) -> list[str]:
    """Lines of the table of one arm."""
    lines = []
    for row in (row for row in found if row.get("arm") == arm):
        data = row["data"]
        if row["measure"] == "pretext" and "at_most" in row:
            control = f"{100 * row['shuffled_accuracy']:.1f} % with the answers dealt anew"
            lines.append(
                f"| {data} | its own puzzle, chance {100 * row['chance']:.1f} % | {100 * row['accuracy']:.1f} % "
                f"| {control} | {row['seeds']} |"
            )
        elif row["measure"] in TITLES:
            low_high, verdict = row["unit"].removeprefix("points ").rsplit("] ", 1)
            gain = f"{row['value']:+.1f} {low_high}]: {verdict}"
            if arm == "random":
                gain = "–"
            elif "too few" in low_high:
                gain = f"{row['value']:+.1f}: {verdict}"
            lines.append(f"| {data} | {TITLES[row['measure']]} | {row['reached']:.1f} % | {gain} | {row['seeds']} |")
    return lines


def main(file: Path) -> None:
    """Fill the pages, and write the page of all."""
    bench = json.loads(file.read_text())
    found = bench["rows"]
    head = ["| data | measure | reached | against the random network, points | seeds |", "|---|---|---|---|---|"]
    said = f"`make bench-pretext DATA=folder`, {bench['date']}."
    for page in sorted(PAGES.glob("*.md")):
        text = page.read_text(encoding="utf-8")

        def filled(match: re.Match[str]) -> str:
            lines = rows_of(found, match[2])
            body = "\n".join([*head, *lines]) + f"\n\n{said}\n" if lines else "Not measured there.\n"
            return f"{match[1]}\n{body}\n"

        page.write_text(BLOCK.sub(filled, text), encoding="utf-8")
    table = [
        "| arm | data | measure | reached | against the random network, points | seeds |",
        "|---|---|---|---|---|---|",
        *(
            f"| `{arm}` {line}"
            for arm in dict.fromkeys(row["arm"] for row in found if "arm" in row)
            for line in rows_of(found, arm)
        ),
    ]
    page = PAGES.parent / "reproduced.md"
    before = page.read_text(encoding="utf-8").split(MARK)[0]
    page.write_text(f"{before}{MARK}\n\n{said}\n\n" + "\n".join(table) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
