"""Make the pictures of the course's slides, docs/images/course/NAME.png or .svg, by running each slide's commands.

    python docs/course.py [NAME ...]

A slide is a heading of docs/course.md with one `sh` block that begins `# runs as it stands`, and an image. Where the
line `<!-- picture: FILE -->` stands before the image, it shows that file of the slide's folder: a picture, or the top
of a page; `FILE from 600 to 1500` is what lies between these pixels of it (headless Chromium must be there). Otherwise
it shows what the last command prints. docs/cours.md is the same in French: tests/docs/test_course.py sees to it, and
runs the commands.
"""

import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from tryouts import HEIGHT, page_picture, run, terminal

DOCS = Path(__file__).parent
SLIDE = re.compile(
    r"^### (?P<number>\d+)\. (?P<title>[^\n]+)\n(?P<text>(?:(?!^###? ).)*?)"
    r"^```sh\n# runs as it stands\n(?P<commands>.*?)^```\n\n"
    r"(?:<!-- picture: (?P<file>\S+)(?: from (?P<top>\d+) to (?P<bottom>\d+))? -->\n)?"
    r"!\[(?P<alt>[^\]]+)\]\((?P<image>images/course/\S+)\)\n",
    re.S | re.M,
)


class Slide(NamedTuple):
    """One slide of the course.

    Attributes:
        number: from 1.
        title: its heading.
        commands: words of each command, without `regard`.
        file: what the image shows, below the slide's folder; None: what the last command prints.
        part: from where to where of a page, in pixels; None: its top.
        image: below docs/.
        alt: what is to be seen on it.
    """

    number: int
    title: str
    commands: tuple[tuple[str, ...], ...]
    file: str | None
    part: tuple[int, int] | None
    image: str
    alt: str


def slides(page: str = "course.md") -> list[Slide]:
    """The slides of a page, in their order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = []
    for match in SLIDE.finditer(text):
        lines = match["commands"].replace("\\\n", " ").splitlines()
        words = tuple(tuple(shlex.split(line, comments=True)[1:]) for line in lines if line.startswith("regard "))
        part = (int(match["top"]), int(match["bottom"])) if match["top"] else None
        named = (int(match["number"]), match["title"], words)
        found.append(Slide(*named, match["file"], part, match["image"], match["alt"]))
    return found


def picture(slide: Slide) -> Path:
    """Run a slide's commands in an empty folder and write its image."""
    out = DOCS / slide.image
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        for words in slide.commands:
            printed = run(words, Path(temporary))
        if slide.file is None:
            return terminal(shlex.join(["regard", *words]), printed, out)
        shown = Path(temporary) / slide.file
        if not shown.is_file():
            raise SystemExit(f"{slide.number}. {slide.title}: there is no {slide.file}")
        top, bottom = slide.part or (0, HEIGHT)
        if shown.suffix == ".html":
            shown = page_picture(shown, Path(temporary) / "whole.png", height=bottom, colours=0)
        with Image.open(shown, formats=["PNG"]) as drawn:
            part = drawn.crop((0, top, drawn.width, bottom)) if slide.part else drawn
            part.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(out, optimize=True)
    return out


def main(chosen: list[str]) -> None:
    """Write the images that are named, or all."""
    for slide in slides():
        if not chosen or Path(slide.image).stem in chosen:
            try:
                print(picture(slide), flush=True)
            except subprocess.CalledProcessError as error:
                raise SystemExit(f"{slide.number}. {slide.title}: {error.stderr[-2000:]}") from error


if __name__ == "__main__":
    main(sys.argv[1:])
