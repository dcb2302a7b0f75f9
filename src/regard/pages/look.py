"""The page of `regard look`: filters, units with their patches, explained pictures, and neighbours by layer."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from markupsafe import Markup

from ..report.html import Highlight, Picture, Section, Table, literal, write_report
from ..report.thumbs import Hit, Query, neighbours
from ..representation.seeing.filters import as_pictures, strongest
from ..studies.look import Looked
from ..studies.look_explained import Explained
from ..studies.look_units import LayerSeen, PatchSeen, UnitSeen
from .look_drawn import TILE, framed, heated, mosaic, outlined, signed

MOST_FILTERS = 192
FEW = 200  # pictures of which nine are more than a few per cent
_SHEET = 800  # pixels of the width of the sheet of filters


def table(found: Looked) -> Table:
    """A row for each layer: its units, its map, what a cell sees, and the units that are shown."""
    rows = [
        [
            one.name,
            one.channels,
            f"{one.cells[0]} x {one.cells[1]}",
            f"{one.field[0]} x {one.field[1]}" if one.units else None,
            ", ".join(str(unit.unit) for unit in one.units) or None,
        ]
        for one in found.layers
    ]
    return Table(["layer", "units", "map", "a cell sees, pixels", "units shown"], rows)


def write_look_page(path: str | Path, found: Looked, name: str, *, facts: Mapping[str, object] | None = None) -> Path:
    """Write the page and return its path.

    Args:
        path: of the page, ends in .html.
        found: what was seen.
        name: of the representation, as it was asked for.
        facts: how the page was made.

    Raises:
        InputError: a name that does not end in .html.
    """
    name, encoder = name.replace("`", ""), found.rep.encoder
    weights = sum(one.numel() for one in encoder.network.parameters())
    height, width = found.rep.preprocess.shape
    made = str(found.rep.card.get("made_by") or "").replace("`", "").replace("*", "")
    summary = (
        f"`{name}` is {encoder.name.rpartition(':')[2]} ({made or 'made elsewhere'}), which looks at {height} x "
        f"{width} pixels. What its units answer to was looked for in {found.read:,} pictures."
    )
    if found.read < FEW:
        summary += f" They are few: the last of a unit's nine are no strong answers, and {FEW:,} pictures show more."
    if found.left_out:
        summary += f" Left out, with the reasons at the end: {', '.join(found.left_out)}."
    highlights = [
        Highlight(_short(weights), "weights"),
        Highlight(f"{sum(len(one.units) for one in found.layers)}", f"units shown, of {len(found.layers)} layers"),
        Highlight(f"{len(found.shown) or len(found.queries)}", f"pictures explained, of {found.read:,}"),
    ]
    sections = [*_filters(found), *map(_layer, found.layers), *_explained(found), *_neighbours(found), *_rest(found)]
    return write_report(path, f"A look inside {name}", sections, summary, highlights=highlights, facts=facts)


def _filters(found: Looked) -> Iterator[Section]:
    if found.filters is None:
        return
    where, weights = found.filters
    shown = strongest(weights, MOST_FILTERS)
    tiles = [(255 * one.permute(1, 2, 0).numpy()).round().astype(np.uint8) for one in as_pictures(weights[shown])]
    columns = min(len(tiles), 24 if len(tiles) > 64 else 16)
    sheet = mosaic(tiles, columns, _SHEET // columns - 3, smooth=False)
    side = f"{weights.shape[2]} x {weights.shape[3]}"
    more = f" The {len(tiles)} strongest of {len(weights)}." if len(tiles) < len(weights) else ""
    text = f"`{where}`: {len(weights)} filters of {side} pixels, the strongest first, each on its own scale.{more}"
    drawn = Markup('<div class="sheet">{}</div>').format(framed(sheet, f"{len(tiles)} filters of {side} pixels"))
    caption = "Grey is 0. A filter with stripes finds edges of that direction; one with two colours tells them apart."
    yield Section("First-layer filters", text, [Picture(drawn, caption)])


def _layer(layer: LayerSeen) -> Section:
    title = f"Layer {layer.name}"
    if not layer.units:
        return Section(title, f"{layer.channels:,} units; none is shown.")
    text = (
        f"{layer.channels:,} units on {layer.cells[0]} x {layer.cells[1]} cells; a cell sees "
        f"{layer.field[0]} x {layer.field[1]} pixels. Shown are those that stand out most."
    )
    first = next((patch for unit in layer.units for patch in unit.patches), None)
    columns = ["patches"]
    columns += ["deconvnet"] if first is not None and first.back is not None else []
    columns += ["guided backpropagation"] if first is not None and first.guided is not None else []
    drawn = Markup('<div class="units{}" style="--columns: {}">{}</div>').format(
        " broad" if len(columns) > 2 else "", len(columns), Markup("").join(_unit(unit) for unit in layer.units)
    )
    caption = "The nine patches that a unit answers to most, one of each picture"
    caption += f"; then what in them it answered to, by {' and by '.join(columns[1:])}." if columns[1:] else "."
    if any(_off_centre(patch) for unit in layer.units for patch in unit.patches):
        caption += " A box marks the cell."
    return Section(title, text, [Picture(drawn, caption)])


def _unit(unit: UnitSeen) -> Markup:
    values = [patch.value for patch in unit.patches]
    told = f"{values[0]:.3g} to {values[-1]:.3g}" if values else "to nothing"
    sheets = [framed(mosaic([_cut(patch) for patch in unit.patches], 3), f"patches of unit {unit.unit}")]
    for way, parts in (
        ("deconvnet", [patch.back for patch in unit.patches]),
        ("guided backpropagation", [patch.guided for patch in unit.patches]),
    ):
        tiles = [signed(part, TILE) for part in parts if part is not None]
        if tiles:
            sheets.append(framed(mosaic(tiles, 3), f"what unit {unit.unit} answered to, by {way}"))
    return Markup("<figure><div>{}</div><figcaption><b>unit {}</b> answers {}</figcaption></figure>").format(
        Markup("").join(sheets), unit.unit, told
    )


def _cut(patch: PatchSeen) -> np.ndarray:
    """The patch, with its cell outlined where that is not in its middle."""
    if not _off_centre(patch):
        return patch.crop
    (top, left, _, _), (a, b, c, d) = patch.field, patch.cell
    height, width = patch.crop.shape[:2]
    return outlined(patch.crop, (max(0, a - top), max(0, b - left), min(height, c - top), min(width, d - left)))


def _off_centre(patch: PatchSeen) -> bool:
    """Whether the picture's edges cut the field, so that its middle is not where the unit is."""
    (top, left, bottom, right), (a, b, c, d) = patch.field, patch.cell
    return abs(top + bottom - a - c) > 2 * (c - a) or abs(left + right - b - d) > 2 * (d - b)


def _explained(found: Looked) -> Iterator[Section]:
    if not found.shown:
        return
    columns = ["picture"]
    columns += ["occlusion"] if found.shown[0].occlusion is not None else []
    columns += [f"Grad-CAM, {found.cam}"] if found.shown[0].cam is not None else []
    columns += ["guided backpropagation"] if found.shown[0].guided is not None else []
    rows = [_ways(found, one) for one in found.shown]
    drawn = Markup('<div class="ways" style="--columns: {}">{}{}</div>').format(
        len(columns),
        Markup("").join(Markup("<p>{}</p>").format(one) for one in columns),
        Markup("").join(rows),
    )
    asked = "the class" if found.shown[0].label is not None else "the picture's vector"
    text = f"Light is where {asked} comes from, each map on its own scale."
    caption = "Occlusion: the answer falls most where a grey square covers the light places."
    if found.shown[0].cam is not None:
        caption += " Grad-CAM: the cells that push it up."
    if found.shown[0].guided is not None:
        caption += " Guided backpropagation: the pixels that do; grey is nothing."
    yield Section("Where the answer comes from", text, [Picture(drawn, caption)])


def _ways(found: Looked, one: Explained) -> Markup:
    name = found.images.called(one.image)
    cells = [(framed(one.pixels, name), f"{name}: {one.told}" if one.label is not None else name)]
    if one.occlusion is not None:
        fall = f"falls by up to {max(0.0, float(one.occlusion.max())):.2g}"
        cells.append((framed(heated(one.pixels, one.occlusion), f"occlusion of {name}"), fall))
    if one.cam is not None:
        cells.append((framed(heated(one.pixels, one.cam), f"Grad-CAM of {name}"), ""))
    if one.guided is not None:
        cells.append((framed(signed(one.guided), f"guided backpropagation of {name}"), ""))
    return Markup("").join(
        Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(picture, told) for picture, told in cells
    )


def _neighbours(found: Looked) -> Iterator[Section]:
    if not found.neighbours or not any(any(one.found) for one in found.neighbours):
        return
    labels = found.images.labels
    blocks = []
    for place, query in enumerate(found.queries):
        rows = []
        for layer in found.neighbours:
            hits = [
                Hit(
                    found.images.items[row],
                    score,
                    None if labels is None else str(labels[row]),
                    None if labels is None else bool(labels[row] == labels[query]),
                )
                for row, score in layer.found[place]
            ]
            if hits:
                rows.append(Query(found.images.items[query], layer.layer, hits))
        if rows:
            blocks.append(Picture(neighbours(rows), found.images.called(query)))
    text = (
        "The mean of a layer's map is the vector. Shallow layers find pictures of like colour and texture; deep ones "
    )
    text += "of like things, where the network has learned any."
    yield Section("Nearest neighbours, layer by layer", text, blocks)


def _rest(found: Looked) -> Iterator[Section]:
    if found.left_out:
        rows = [[way, why] for way, why in found.left_out.items()]
        yield Section("Left out", "", [Table(["way", "why"], rows)])
    told = [*found.notes, *(f"{one['path']} was set aside: {one['cause']}" for one in found.set_aside)]
    if told:
        yield Section("What to know", literal("\n".join(told)))


def _short(count: int) -> str:
    for size, sign in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if count >= size:
            return f"{count / size:.3g} {sign}"
    return str(count)
