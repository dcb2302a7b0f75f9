"""All benchmarks of adaptation, one after another, and one table of every bar.

    python bench/adapt.py --data FOLDER [--only office digits transport few styles speed memory] [--out FILE]

About 35 minutes on two cores. Peers run in a virtual environment of their own, which the first run makes. Status 1
where any figure falls short of its bar.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from _table import finish

PARTS = ("office", "digits", "transport", "few", "styles", "speed", "memory")


def main() -> int:
    """Run the parts; 1 where one falls short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for part in given.only:
            print(f"== {part}", flush=True)
            out = Path(folder) / f"{part}.json"
            script = Path(__file__).with_name(f"adapt_{part}.py")
            subprocess.run([sys.executable, script, "--data", given.data.resolve(), "--out", out])
            if not out.exists():
                rows.append({"what": f"{part}: did not end", "value": 1, "at_most": 0})
                continue
            found = json.loads(out.read_text())["rows"]
            rows += [row | {"what": f"{part}: {row['what']}"} for row in found if row["met"] is not None]
    print("== all bars")
    return finish("adapt", rows, given.out)


if __name__ == "__main__":
    raise SystemExit(main())
