"""Make the picture of every task's puzzle, docs/images/tasks/NAME.png, from the very puzzles that networks get.

    python docs/pictures.py [NAME ...]

Crops of the photographs that ship with scikit-learn and scikit-image, 64 pixels, without any training. `verification`
is docs/images/verification.jpg: a turned part of a photograph, found in the whole by its points. `pairs` is
docs/images/pairs.png, digits of the three pairs of domains, and docs/images/corruptions.jpg, the 15 corruptions.
`toy` is docs/images/verbs/demo-toy.png, the page of `regard demo --toy` down to the shifts. `normalization` is
docs/images/normalization.png: which values each normalisation averages, as derivatives of its layers tell it.
`look` is docs/images/look.jpg, from a page of `regard look`.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont
from tryouts import page_picture

from regard import demo, look
from regard.backbones.norms import swap_norm
from regard.core.discover import load
from regard.core.plots import drawing
from regard.data.builtin import photo_crops, photos
from regard.data.corruptions import NAMES, corrupted
from regard.data.decode import decode
from regard.data.pairs import pair, pair_names
from regard.data.rendered import font_file
from regard.learning.objective import Split, objectives
from regard.learning.preview import save_preview
from regard.reuse.search.verify.draw import draw
from regard.reuse.search.verify.features import extract
from regard.reuse.search.verify.geometry import verify

SIDE = 64
TALL = 1760  # pixels of the toy's page that are shown
LOOKED = (510, 2832)  # and of the page of a look inside, from where to where


def verification(folder: Path) -> None:
    """A part of a photograph, turned, darker and smaller, beside the photograph with the box where it lies."""
    photo = Image.open(next(path for path in photos().items if Path(str(path)).stem == "astronaut")).convert("RGB")
    part = photo.rotate(25, Image.Resampling.BICUBIC).crop((110, 110, 330, 390)).resize((176, 224))
    query, whole = np.asarray(part) // 3 * 2, np.asarray(photo)
    found = verify(extract(query), extract(whole))
    Image.fromarray(draw(query, whole, found, height=400, lines=40)).save(folder / "verification.jpg", quality=85)


def pairs(folder: Path) -> None:
    """Two rows of digits for each pair, source above target; and one photograph under each corruption, severity 3."""
    rows = []
    for name in pair_names():
        found = pair(name)
        for images in (found.source, found.test):
            shown = [Image.fromarray(decode(one).permute(1, 2, 0).numpy()) for one in images.subset(slice(14)).items]
            rows.append(
                np.concatenate([np.asarray(one.resize((64, 64), Image.Resampling.NEAREST)) for one in shown], 1)
            )
        rows.append(np.full((8, *rows[0].shape[1:]), 255, np.uint8))
    Image.fromarray(np.concatenate(rows[:-1])).save(folder / "pairs.png", optimize=True)
    photo = Image.open(next(path for path in photos().items if Path(str(path)).stem == "chelsea")).convert("RGB")
    clean = np.asarray(photo.crop((75, 0, 375, 300)).resize((224, 224), Image.Resampling.LANCZOS))
    side, below, across = 180, 20, 4
    sheet = Image.new("RGB", (across * side, -(-(1 + len(NAMES)) // across) * (side + below)), "white")
    pen, letters = ImageDraw.Draw(sheet), ImageFont.truetype(font_file("DejaVuSans"), 13)
    for place, name in enumerate(("clean", *NAMES)):
        made = clean if name == "clean" else corrupted(clean, name, 3)
        left, top = place % across * side, place // across * (side + below)
        sheet.paste(Image.fromarray(made).resize((side - 4, side - 4)), (left + 2, top + 2))
        pen.text((left + 4, top + side), name, fill="black", font=letters)
    sheet.save(folder / "corruptions.jpg", quality=85)


def toy(folder: Path) -> None:
    """The page of the toy, from its title to the six shifts."""
    with tempfile.TemporaryDirectory() as place:
        page_picture(demo(toy=True, out=place).report, folder / "verbs" / "demo-toy.png", height=TALL)


def averaged_with(norm: str, shape: tuple[int, ...], place: tuple[int, ...]) -> np.ndarray:
    """Which values of maps (N, C, H, W) the output at one place depends on, by the derivative of the layer itself."""
    network = torch.nn.Sequential(torch.nn.BatchNorm2d(shape[1]))
    swap_norm(network, norm)  # `bn` leaves it as it is
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    network.train()(x)[place].backward()
    return (x.grad != 0).numpy()


def normalization(folder: Path) -> None:
    """A block of values for each kind, with those in colour that one mean and one variance are taken over."""
    n, c, side = 4, 6, 2
    place = (0, c - 1, 0, 0)
    kinds = {
        "bn": "batch (bn)\nall images, all cells\nof one channel",
        "ln": "layer (ln)\nall channels, all cells\nof one image",
        "in": "instance (in)\nall cells\nof one channel of one image",
        "gn:2": "group (gn:2)\nhalf of the channels,\nall cells of one image",
    }
    with drawing({"font.family": "DejaVu Sans", "font.size": 11}):
        canvas = Figure(figsize=(12, 3.9), dpi=100)
        for column, (norm, title) in enumerate(kinds.items()):
            axes = canvas.add_axes((column / 4, -0.05, 1 / 4, 0.9), projection="3d")
            # cells in rows above one another: (C, N, H x W)
            found = averaged_with(norm, (n, c, side, side), place).reshape(n, c, side**2).transpose(1, 0, 2)
            colours = np.where(found, "#0072b2", "#e9edf2")
            axes.voxels(np.ones_like(found), facecolors=colours, edgecolor="#667080", linewidth=0.6, shade=False)
            axes.set(xticks=[], yticks=[], zticks=[], xlabel="C", ylabel="N", zlabel="H × W")
            axes.set_title(title, y=0.98)
            axes.set_box_aspect((c, n, side**2), zoom=0.86)
            axes.view_init(elev=24, azim=-48)
            for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
                axis.labelpad = -12
                axis.pane.set_visible(False)
                axis.line.set_visible(False)
        canvas.savefig(folder / "normalization.png", facecolor="white", metadata={"Software": None})


def look_inside(folder: Path) -> None:
    """Units of two layers of the default network, and pictures explained, from its page on crops of photographs."""
    with tempfile.TemporaryDirectory() as place:
        page = Path(place) / "look.html"
        ways = ("patches", "guided", "gradcam", "occlusion")
        look("imagenet", "builtin:photo_crops", layer=("blocks.2", "blocks.6"), way=ways, units=4, out=page)
        shot = page_picture(page, Path(place) / "look.png", height=LOOKED[1], colours=0)
        with Image.open(shot, formats=["PNG"]) as drawn:
            drawn.crop((0, LOOKED[0], drawn.width, LOOKED[1])).save(folder / "look.jpg", quality=80, optimize=True)


def main(chosen: list[str]) -> None:
    """Write the pictures of the tasks that are named, or of all."""
    if not chosen or "verification" in chosen:
        verification(Path(__file__).parent / "images")
    if not chosen or "pairs" in chosen:
        pairs(Path(__file__).parent / "images")
    if not chosen or "toy" in chosen:
        toy(Path(__file__).parent / "images")
    if not chosen or "normalization" in chosen:
        normalization(Path(__file__).parent / "images")
    if not chosen or "look" in chosen:
        look_inside(Path(__file__).parent / "images")
    others = ("verification", "pairs", "toy", "normalization", "look")
    chosen = [one for one in chosen if one not in others] if chosen else objectives()
    if not chosen:
        return
    folder = Path(__file__).parent / "images" / "tasks"
    folder.mkdir(parents=True, exist_ok=True)
    crops = photo_crops(60, SIDE, seed=3)
    colour = [row for row, item in enumerate(crops.items) if item.std(axis=2).mean() > 8]
    known = Split(crops.subset(colour), crops.subset(colour[:8]), symbols=False)
    images = torch.stack(
        [torch.from_numpy(crops.items[row].copy()).permute(2, 0, 1) for row in colour[:: max(1, len(colour) // 4)][:4]]
    )
    for name in chosen:
        method = load("task", name)()
        objective = method.configure(known) if hasattr(method, "configure") else method
        save_preview(folder / f"{name}.png", objective, images, seed=0)
        print(folder / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
