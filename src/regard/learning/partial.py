"""A network that begins with some of the weights of another: those of the same name and shape, and of them the asked.

Yosinski et al. 2014, How transferable are features in deep neural networks, NIPS: layers up to one of another network,
fresh ones from there on. What was taken and what was not is reported: a network of which nothing fitted learns from
scratch, and nothing would tell.
"""

import copy
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..backbones.layers import aliases, layer_names
from ..core.checks import bad, nearest_names
from ..representation.representation import Representation

COUNTER = "num_batches_tracked"  # of batch normalisation: of any layer's shape, and of no use without its statistics
SHOWN = 4


@dataclass(frozen=True)
class Report:
    """Which tensors of a network are another's.

    Attributes:
        source: whose, as its card names it.
        taken: names.
        left: names of those that stay as they were initialised, each with the reason.
        share: of the network's numbers, weights and statistics, that were taken, in [0, 1].
        note: what else the reader should know; empty where there is nothing.
    """

    source: str
    taken: tuple[str, ...]
    left: tuple[tuple[str, str], ...]
    share: float
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a card."""
        left = {name: why for name, why in self.left}
        told = {"source": self.source, "share": round(self.share, 4), "taken": list(self.taken), "left": left}
        return told | ({"note": self.note} if self.note else {})

    def lines(self) -> list[str]:
        """What was done in a few lines: the sum, then a line for each reason why tensors were left.

        >>> Report("a", ("x",), (("y", "absent"), ("z", "absent")), 0.25).lines()
        ['1 of 3 tensors (25.0 % of the numbers) are from a', 'left as initialised, absent: y, z']
        """
        total = len(self.taken) + len(self.left)
        share = f"{100 * self.share:.1f} % of the numbers"
        found = [f"{len(self.taken)} of {total} tensors ({share}) are from {self.source}"]
        reasons: dict[str, list[str]] = {}
        for name, why in self.left:
            reasons.setdefault(why, []).append(name)
        for why, names in reasons.items():
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            found.append(f"left as initialised, {why}: {', '.join(names[:SHOWN])}{more}")
        return [*found, self.note] if self.note else found


def source_of(
    init_from: Representation | str | Path | None, init_layers: Sequence[str] | str = ()
) -> tuple[Representation | None, dict[str, Any]]:
    """Whose weights a network begins with (`--init-from`), and what of it makes a run itself.

    Raises:
        InputError: layers of nothing; layers beside a representation that ends at one.
    """
    layers = init_layers if isinstance(init_layers, str) else ",".join(init_layers)
    if init_from is None:
        if init_layers:
            raise bad("--init-layers", repr(init_layers), "--init-from beside it, which names whose they are")
        return None, {}
    source = init_from if isinstance(init_from, Representation) else Representation.load(init_from)
    if source.encoder.ends and layers:
        got = f"{layers!r} beside {source.name}, which ends at a layer"
        raise bad("--init-layers", got, "one of the two", f"Alone it means ..{source.encoder.ends}.")
    return source, {"init_from": source.fingerprint, "init_layers": layers}


def begun_with(
    start: Representation, source: Representation | str | Path, layers: Sequence[str] | str = ()
) -> tuple[Representation, Report]:
    """The same representation with weights of another where they fit; neither is changed.

    Args:
        start: whose network it is; fresh mostly, `random:NETWORK`.
        source: whose tensors are taken, where name and shape are the same; by name or folder, that of a run too.
        layers: see `chosen`; none: all that fits, of one that ends at a layer up to that.

    Returns:
        A representation, which keeps its card and its preprocessing, and the report.

    Raises:
        InputError: nothing fits, or layers that the network does not have.
    """
    source = source if isinstance(source, Representation) else Representation.load(source)
    encoder = copy.deepcopy(start.encoder)
    report = take_from(source, encoder.network, layers)
    mine, its = ([list(one.encoder.config[key]) for key in ("mean", "std")] for one in (start, source))
    if mine != its:
        report = replace(report, note=f"pictures are normalised as {start.name} has it, not as {source.name}")
    return replace(start, encoder=encoder, loaded_from=""), report


def take_from(source: Representation, network: nn.Module, layers: Sequence[str] | str = ()) -> Report:
    """Put a representation's tensors into a network, which is changed in place; arguments as in `begun_with`."""
    if source.encoder.ends and not layers:
        layers = f"..{source.encoder.ends}"
    return take(network, source.encoder.network.state_dict(), source.name, layers)


def take(network: nn.Module, tensors: Mapping[str, Tensor], source: str, layers: Sequence[str] | str = ()) -> Report:
    """Put tensors into a network where name and shape are the same.

    Args:
        network: changed in place.
        tensors: by name. A leading `body.`, as networks of torchvision have it, counts on neither side.
        source: what to call whose they are.
        layers: see `chosen`; none: all that fits.

    Raises:
        InputError: nothing fits, or layers that the network does not have; the network is as it was.
    """
    own, asked = network.state_dict(), chosen(network, layers)
    there = {name.removeprefix("body."): value for name, value in tensors.items()}
    fits: dict[str, Tensor] = {}
    left: dict[str, str] = {}
    for name, value in own.items():
        other = there.get(name.removeprefix("body."))
        if name not in asked:
            left[name] = "not asked for"
        elif other is None:
            left[name] = "absent there"
        elif other.shape != value.shape:
            left[name] = f"{_shape(value)}, there {_shape(other)}"
        elif name.endswith(COUNTER) and name.removesuffix(COUNTER) + "running_mean" not in fits:
            left[name] = "as its statistics are"
        else:
            fits[name] = other
    report = Report(source, tuple(fits), tuple(left.items()), share_of(own, fits))
    if not fits:
        why = "; ".join(report.lines()[1:3])
        raise bad(
            "--init-from", f"{source}, of which nothing fits ({why})", "tensors of the network's names and shapes"
        )
    network.load_state_dict(fits, strict=False)
    return report


def share_of(own: Mapping[str, Tensor], taken: Container[str]) -> float:
    """The share of a module's numbers, weights and statistics, in tensors of these names."""
    many = {name: value.numel() for name, value in own.items() if not name.endswith(COUNTER)}
    return sum(count for name, count in many.items() if name in taken) / max(sum(many.values()), 1)


def chosen(network: nn.Module, layers: Sequence[str] | str = ()) -> set[str]:
    """The names of the tensors in layers of a network.

    Args:
        network: any.
        layers: names, or one text with commas: of modules (`blocks.0`, with all that is inside), of tensors
            (`cls_token`), of the papers of AlexNet and VGG (`conv3`), or ranges of modules in the order in which they
            are defined, both ends among them: `..blocks.3`, `layer2..layer3`, `layer3..`. None: all.

    Raises:
        InputError: an unknown name (with those that are near), a range that ends before it begins, layers without
            tensors.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Linear(4, 2, bias=False), nn.Linear(2, 2))
    >>> sorted(chosen(net, "..2"))
    ['0.bias', '0.weight', '2.weight']
    """
    given = layers.split(",") if isinstance(layers, str) else list(layers)
    asked = [one.strip() for one in given if one.strip()]
    places = {name: place for place, (name, _) in enumerate(network.named_modules())}
    at = {name: places[name.rpartition(".")[0]] for name in network.state_dict()}
    found: set[str] = set() if asked else set(at)
    for one in asked:
        if one in at:
            found.add(one)
            continue
        begin, dots, end = one.partition("..")
        low = _span(begin, network, places)[0] if begin else 0
        high = _span(end if dots else begin, network, places)[1] if end or not dots else len(places)
        part = {name for name, place in at.items() if low <= place <= high}
        if not part:
            expected = "a range that ends after it begins" if low > high else "layers with weights"
            raise bad("--init-layers", repr(one), expected)
        found |= part
    return found


def _span(name: str, network: nn.Module, places: Mapping[str, int]) -> tuple[int, int]:
    """The first and the last place of what is inside a module."""
    for module in (name, f"body.{name}"):
        inside = [place for one, place in places.items() if one == module or one.startswith(module + ".")]
        if inside:
            return min(inside), max(inside)
    papers = {one: places[module] for one, module in aliases(network).items()}
    if name in papers:  # its ReLU; the weights lie between the layer before, of the same kind or of any, and it
        end, alike = papers[name], re.sub(r"\d+", "", name)
        before = {one: place for one, place in papers.items() if place < end}
        same = [place for one, place in before.items() if re.sub(r"\d+", "", one) == alike]
        return max(same or before.values(), default=-1) + 1, end
    known = layer_names(network)
    near = ", ".join(map(repr, nearest_names(name, known) or [one for one, _ in network.named_children()][:5]))
    raise bad("--init-layers", repr(name), f"one of the {len(known)} layers of the network", f"Such as {near}.")


def _shape(value: Tensor) -> str:
    return " x ".join(map(str, value.shape)) or "one number"
