"""What `card.json` and `config.json` of a saved folder hold: each key that is used later is checked when it is read."""

from pathlib import Path
from typing import Any

from ..core.checks import InputError, bad
from ..core.reading import MOST_ROWS
from ..core.records import (
    anything,
    check_record,
    either,
    listed,
    mapped,
    maybe,
    number,
    read_record,
    record,
    text,
    whole,
)
from .preprocess import Preprocess

_SIDE = whole(1, 8192)
SIDES = either(listed(_SIDE, 2, 2), _SIDE)

CARD = {
    "name": maybe(text),
    "made_by": maybe(text),
    "fingerprint": maybe(text),
    "parent": maybe(either(text, mapped(anything))),
    "data": maybe(record(content=maybe(text), name=maybe(text), set_aside=maybe(listed(mapped(text))))),
    "training": maybe(
        record(
            seed=maybe(whole(0, 2**63)),
            steps_done=maybe(whole(0)),
            batch=maybe(whole(1)),
            lr=maybe(number(0)),
            weight_decay=maybe(number(0)),
            schedule=maybe(text),
            warmup=maybe(number(0)),
            clip=maybe(number(0)),
        )
    ),
    "classifier": maybe(record(classes=listed(text, 1), file=maybe(text), checksum=maybe(text))),
    "scores": maybe(mapped(anything)),
    "cost": maybe(mapped(anything)),
    "task": maybe(either(text, mapped(anything))),
}

_OURS = record(
    library=maybe(text),
    preprocess=maybe(mapped(anything)),
    input_size=maybe(SIDES),
    size=maybe(SIDES),
    pooling=maybe(mapped(anything)),
    norm=maybe(text),
    layer=maybe(text),
)
_COLOURS = listed(number(-1e6, 1e6), 1, 4096)
_NETWORK = record(
    mean=maybe(_COLOURS),
    std=maybe(listed(number(1e-9, 1e6), 1, 4096)),
    input_size=maybe(listed(_SIDE, 3, 3)),
    crop_pct=maybe(number(0, 100)),
    crop_mode=maybe(text),
    interpolation=maybe(text),
    num_classes=maybe(whole(0, 2**24)),
)
_STEPS = {
    "size": SIDES,
    "resize": SIDES,
    "interpolation": text,
    "mode": maybe(text),
    "fill": maybe(listed(whole(0, 255), 3, 3)),
}


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a saved folder; raises InputError with the key that is not as it should be."""
    return read_record(folder / "card.json", CARD, most=MOST_ROWS)


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json` of a saved folder, in timm's form or in ours; raises InputError likewise."""
    config = read_record(folder / "config.json", {"architecture": text, "regard": maybe(_OURS)})
    where = str(folder / "config.json")
    check_record(where, config, {"model_args": maybe(mapped(anything)), "pretrained_cfg": maybe(_NETWORK)})
    if "pretrained_cfg" not in config:  # timm's old form, in which all of it is that
        _NETWORK(where, config)
    sides = [config.get("model_args", {}) and (config["model_args"] or {}).get("img_size")]
    check_record(where, {"model_args img_size": sides[0] or None}, {"model_args img_size": maybe(SIDES)})
    return config


def steps_of(folder: Path, steps: dict[str, Any]) -> Preprocess:
    """How pictures are prepared, as `config.json` says it."""
    where = f"{folder / 'config.json'}: regard: preprocess"
    check_record(where, steps, _STEPS)
    try:
        return Preprocess(**{key: value for key, value in steps.items() if value is not None})
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except TypeError as error:  # a key that this version does not have, which may change what is made
        raise bad(where, f"keys {', '.join(steps)} ({error})", ", ".join(_STEPS), "Update regard.") from None
