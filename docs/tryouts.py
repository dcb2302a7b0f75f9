"""Run the command with which each verb's page begins, and keep a picture of what comes out.

    python docs/tryouts.py [VERB ...]

The first `sh` block of docs/verbs/VERB.md begins with the line `# runs as it stands`: it needs nothing but what comes
with the installation, and tests/docs/test_tryouts.py runs it. Its picture is docs/images/verbs/VERB.png, the page that
the last command writes (headless Chromium must be there), or VERB.svg, what it prints.
"""

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.text import Text

DOCS = Path(__file__).parent
FIRST = re.compile(r"^```sh\n# runs as it stands\n(.*?)^```", re.S | re.M)
FONT_FACE = re.compile(r"@font-face \{.*?\}", re.S)  # rich names fonts at an address; a picture fetches nothing
WIDTH, HEIGHT = 1080, 720
LINES = 40  # of what is printed, on a picture


def commands(verb: str) -> list[list[str]]:
    """The words of each command with which a verb's page begins, without `regard`; none where it does not."""
    found = FIRST.search((DOCS / "verbs" / f"{verb}.md").read_text(encoding="utf-8"))
    lines = found[1].replace("\\\n", " ").splitlines() if found else []
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("regard ")]


def picture(verb: str, folder: Path) -> Path:
    """Run a verb's commands in an empty folder and write the picture of the last one."""
    with tempfile.TemporaryDirectory() as temporary:
        for words in commands(verb):
            printed = run(words, Path(temporary))
        page = next((word for word in words if word.endswith(".html")), None)
        if page is None and (Path(temporary) / "demo-report/report.html").exists():
            page = "demo-report/report.html"
        if page is None:
            return terminal(shlex.join(["regard", *words]), printed, folder / f"{verb}.svg")
        return page_picture(Path(temporary) / page, folder / f"{verb}.png")


def run(words: Sequence[str], folder: Path) -> str:
    """Run one command in a folder, with a cache of its own; what it prints."""
    return subprocess.run(
        [sys.executable, "-m", "regard", *words],
        cwd=folder,
        env=os.environ | {"REGARD_CACHE": f"{folder}/cache"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def terminal(command: str, printed: str, out: Path) -> Path:
    """What a command prints, as a picture."""
    lines = printed.rstrip().splitlines()
    wide = max(map(len, [f"$ {command}", *lines]))
    console = Console(record=True, width=min(max(wide, 80), 132), file=io.StringIO())
    console.print(Text(f"$ {command}\n", style="bold"))
    console.print(Text("\n".join(lines[:LINES] + (["..."] if len(lines) > LINES else []))))
    drawn = FONT_FACE.sub("", console.export_svg(title="", unique_id=out.stem))
    out.write_text("\n".join(line.rstrip() for line in drawn.splitlines()) + "\n", encoding="utf-8")
    return out


def page_picture(page: Path, out: Path, height: int = HEIGHT, colours: int = 128) -> Path:
    """The top of a page, as a browser shows it; 0 colours: all of them, for pages of photographs."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise SystemExit("tryouts: pictures of pages need chromium on the path")
    shot = page.parent / "shot.png"
    size = f"--window-size={WIDTH},{height}"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", size, f"--screenshot={shot}"]
    subprocess.run([chromium, *options, page.resolve().as_uri()], check=True, capture_output=True, timeout=120)
    with Image.open(shot, formats=["PNG"]) as drawn:
        whole = drawn.convert("RGB")
        # 128 colours: a third of the bytes, and text stays sharp
        (whole.quantize(colours, dither=Image.Dither.NONE) if colours else whole).save(out, optimize=True)
    return out


def main(chosen: list[str]) -> None:
    """Write the pictures of the verbs that are named, or of all."""
    folder = DOCS / "images" / "verbs"
    folder.mkdir(parents=True, exist_ok=True)
    for verb in chosen or sorted(page.stem for page in (DOCS / "verbs").glob("*.md")):
        print(picture(verb, folder), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
