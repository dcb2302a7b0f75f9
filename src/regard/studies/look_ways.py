"""Which ways of seeing have a meaning for a network: each is tried on noise before anything is read."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from ..backbones.layers import Layer
from ..core.checks import InputError, check_choice
from ..core.runtime import torch_rng
from ..representation.representation import Representation
from ..representation.seeing.deconvnet import deconvnet, one_unit
from ..representation.seeing.filters import first_filters
from ..representation.seeing.gradcam import grad_cam
from ..representation.seeing.graph import has_switches
from ..representation.seeing.guided import guided_backpropagation
from ..representation.seeing.maps import LayerMap
from ..representation.seeing.question import guided_of, vector_of

WAYS = ("filters", "patches", "deconvnet", "occlusion", "guided", "gradcam", "neighbours")
_OF_LAYERS = ("patches", "deconvnet", "gradcam")  # neighbours are found by the vector as well


@dataclass
class Ways:
    """What can be shown of a network.

    Attributes:
        taken: the ways that are shown.
        left_out: those that are not, and why.
        carried: names of the layers whose units the deconvnet carries back.
        guided: names of those whose units guided backpropagation does.
        cam: the layer on whose cells Grad-CAM is drawn, or None.
    """

    taken: set[str]
    left_out: dict[str, str] = field(default_factory=dict)
    carried: set[str] = field(default_factory=set)
    guided: set[str] = field(default_factory=set)
    cam: Layer | None = None


def map_layers(rep: Representation) -> list[Layer]:
    """The layers that make a network's maps, from shallow to deep; none where it has no plain maps."""
    found = []
    for info in rep.encoder.feature_info:
        try:
            found.append(rep.encoder.layer(info.module))
        except InputError:  # a map that no module of the network gives by itself
            continue
    return found


def chosen_layers(rep: Representation, names: Sequence[str]) -> list[Layer]:
    """The layers of these names; none: a shallow, a middle and the last one of the maps.

    Raises:
        InputError: an unknown name.
    """
    if names:
        return [rep.encoder.layer(name) for name in dict.fromkeys(names)]
    maps = map_layers(rep)
    places = sorted({0, len(maps) // 2, len(maps) - 1}) if maps else []
    return [maps[place] for place in places]


def possible_ways(rep: Representation, layers: Sequence[Layer], ways: Sequence[str], cams: Sequence[Layer]) -> Ways:
    """Try the ways on a picture of noise.

    Args:
        rep: the representation.
        layers: whose units are to be shown.
        ways: that were asked for by name, of `WAYS`; none: all that have a meaning.
        cams: layers on which Grad-CAM may be drawn, of which the deepest is taken that has a part in the vector.

    Raises:
        InputError: an unknown way, or one that was named and has no meaning for this network.
    """
    for way in ways:
        check_choice("--way", way, WAYS)
    found = Ways(set(ways or WAYS))

    def tried(way: str, call: Callable[[], object], told: str = "") -> bool:
        try:
            call()
        except InputError as error:
            if ways:
                raise
            found.left_out[told or way] = str(error).removeprefix(f"{way}: ")
            return False
        return True

    x = _noise(rep)
    if not layers:
        why = rep.encoder.no_maps or "no module of this network gives a map by itself: name layers with --layer"
        for way in sorted(found.taken & set(_OF_LAYERS)):
            tried(way, lambda: _refuse(why))
            found.taken.discard(way)
    if "filters" in found.taken and not tried("filters", lambda: first_filters(rep.encoder.network)):
        found.taken.discard("filters")
    if "guided" in found.taken and not tried("guided", lambda: guided_of(rep, x, _some_direction(rep, x))):
        found.taken.discard("guided")
    for layer in layers if "guided" in found.taken else ():
        with suppress(InputError):  # a layer that is no part of the vector, of which is told above
            _carry(layer, x, guided_backpropagation)
            found.guided.add(layer.name)
    if "deconvnet" in found.taken:
        for layer in layers:
            call = partial(_deconvolved, layer, x, not ways and layer.name in found.guided)
            if tried("deconvnet", call, f"deconvnet of {layer.name}"):
                found.carried.add(layer.name)
        if not found.carried:
            reasons = [found.left_out.pop(f"deconvnet of {layer.name}") for layer in layers]
            found.left_out["deconvnet"] = reasons[0]
            found.taken.discard("deconvnet")
    if "gradcam" in found.taken:
        found.cam = _cam(rep, cams, x, found, tried)
    return found


def _cam(
    rep: Representation, cams: Sequence[Layer], x: Tensor, found: Ways, tried: Callable[..., bool]
) -> Layer | None:
    """The deepest layer whose cells have a part in the vector."""
    for place, layer in enumerate(reversed(cams)):
        try:
            grad_cam(layer, vector_of(rep), x, _some_direction(rep, x))
            return layer
        except InputError as error:
            if place + 1 == len(cams):
                tried("gradcam", lambda error=error: _refuse(str(error)))
                found.taken.discard("gradcam")
    return None


def _deconvolved(layer: Layer, x: Tensor, spare: bool) -> None:
    """Try the deconvnet; one without switches can be spared where guided backpropagation shows the picture's part."""
    _carry(layer, x)
    if spare and not has_switches(LayerMap(layer), x, layer.network):
        why = "without max pooling on the way it has no switches, and gives the same for every picture"
        _refuse(f"{why}; guided backpropagation is shown instead, and --way patches --way deconvnet shows it")


def _carry(layer: Layer, x: Tensor, way: Callable[..., Tensor] = deconvnet) -> Tensor:
    first = torch.zeros(len(x), dtype=torch.long, device=x.device)
    return way(LayerMap(layer), x, lambda made: one_unit(made, first))


def _some_direction(rep: Representation, x: Tensor) -> Tensor:
    """A direction without meaning: equal numbers would be none, as layer normalisation makes their sum a constant."""
    with torch.no_grad():
        width = vector_of(rep)(x).shape[1]
    return torch.rand(len(x), width, generator=torch_rng(0, "look", width)).to(x.device)


def _noise(rep: Representation) -> Tensor:
    """Two pictures of noise, where the network's weights are."""
    made = torch.rand(2, 3, *rep.preprocess.shape, generator=torch_rng(0, "look"))
    return made.to(rep.encoder.mean.device)


def _refuse(why: str) -> None:
    raise InputError(why)
