"""Rescaled random weights: a random network whose layers all see unit variance and learn at one rate.

Krähenbühl, Doersch, Donahue and Darrell 2016 (Data-dependent initializations of convolutional neural networks, ICLR,
arXiv 1511.06856). The fair opponent of pretraining: it knows what the images look like, and nothing of what is in them.

1. Within layers: one pass over the images, layer by layer in forward order; W_i / sigma_i and (b_i - mu_i) / sigma_i
   give every output channel i variance 1 and, where the layer has a bias, mean 0.
2. Between layers: the change rate of layer k is C_k = |dl/dW_k| / |W_k| with the loss l = eta . z, eta ~ N(0, I) for
   each image and z the features. W_k is multiplied by (C_k / C)^(damping / 2), C the geometric mean over layers, and
   biases are centred anew; that is repeated until the rates are equal.

What is ours: biases are centred by a pass over the images in place of undoing each factor in the layer above, which
is the same in a chain of layers with ReLU (the factors' product is 1, so that the function stays as it is) and also
holds where paths branch and meet. Of a layer in front of a batch normalisation neither step changes what the network
computes while it trains, since the normalisation takes any scale off again; but the second step still sets how fast
its weights turn. A batch normalisation itself takes the mean and variance of the images as its running statistics
(what a fresh network has, 0 and 1, fits no data), so that the network computes the same in evaluation mode.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..core.checks import bad, check_number
from ..core.runtime import torch_rng
from .modes import evaluating
from .patches import spherical_kmeans, whitened_patches

_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
_DEAD = 1e-6  # a channel that varies by less than this share of its size is constant
_ENOUGH = 0.01  # rates within 1 % of their mean are equal
_DAMPING = 0.5

Network = TypeVar("Network", bound=nn.Module)


@torch.no_grad()
def rescale(
    encoder: Network,
    images_NCHW: Tensor,
    *,
    equalise: bool = True,
    kmeans: bool = False,
    rounds: int = 20,
    seed: int = 0,
) -> Network:
    """Rescale the weights of a network to some images, in place, and return it.

    Called again on the same images it changes nothing. Left as they are: layers whose output is constant, frozen
    weights in the second step, layers that standardise their own weights, and the input projections inside torch's
    own attention, which are not modules. The second step keeps the network's function, but for rounding and one
    factor on the features, where layers are joined by ReLU, pooling or batch normalisation. Gates, attention and
    branches without normalisation make it change, and rates equal only roughly.

    Args:
        encoder: a network, or an `Encoder`; any floating-point type and device.
        images_NCHW: float images as the network takes them (in [0, 1] for an `Encoder`); all go through at once, and
            a few hundred are enough.
        equalise: do the second step, too.
        kmeans: first make the filters of the first convolution the centres of whitened patches of the images.
        rounds: at most so many corrections in the second step; a plain chain needs about 10.
        seed: of eta, and of the patches and first centres of k-means.

    Raises:
        InputError: no float images, fewer than two, NaN, or k-means on a network whose first layer cannot have it.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(12, 4))
    >>> x = torch.rand(64, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    >>> rescale(net, x, equalise=False)(x).std(0, correction=0).round(decimals=3).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    if images_NCHW.ndim != 4 or len(images_NCHW) < 2 or not images_NCHW.is_floating_point():
        got = f"{images_NCHW.dtype} of shape {tuple(images_NCHW.shape)}"
        raise bad("images", got, "at least two float images (N, C, H, W)", "Divide bytes by 255.")
    if not bool(torch.isfinite(images_NCHW).all()):
        raise bad("images", "NaN or infinity", "finite numbers")
    check_number("rounds", rounds, 1, whole=True)
    with evaluating(encoder):
        if kmeans:
            _first_filters(encoder, images_NCHW, seed)
        _pass(encoder, images_NCHW, _unit_variance)
        if equalise:
            _equalise(encoder, images_NCHW, rounds, seed)
    return encoder


def change_rates(encoder: nn.Module, images_NCHW: Tensor, seed: int = 0) -> dict[str, float]:
    """How fast each layer's weights turn: root mean square over images of |dl/dW| / |W|, for l = eta . features.

    One backward pass: as the eta of different images are independent, the expected square of the summed gradient is
    the sum of the squares. Layers that the features do not depend on are left out.
    """
    layers = {
        name: module
        for name, module in encoder.named_modules()
        if isinstance(module, _LAYERS) and module.weight.requires_grad
    }
    with evaluating(encoder), torch.enable_grad():
        features = encoder(images_NCHW)
        eta = torch.randn(features.shape, generator=torch_rng(seed, "rescale"))
        loss = (features.float() * eta.to(features.device)).sum()
        slopes = torch.autograd.grad(loss, [module.weight for module in layers.values()], allow_unused=True)
    found = {}
    for (name, module), slope in zip(layers.items(), slopes):
        if slope is not None and float(slope.norm()) > 0:
            found[name] = float(slope.norm() / module.weight.detach().norm()) / len(images_NCHW) ** 0.5
    return found


def _equalise(encoder: nn.Module, images: Tensor, rounds: int, seed: int) -> None:
    """Correct the scales until rates are equal, or take the round in which they were most nearly so."""
    modules, best, narrowest = dict(encoder.named_modules()), encoder.state_dict(), float("inf")
    for turn in range(rounds + 1):
        rates = change_rates(encoder, images, seed)
        if not rates:
            return
        logs = torch.tensor(list(rates.values()), dtype=torch.float64).log()
        off = logs - logs.mean()
        width = float(off.square().mean())
        if width < narrowest:
            best, narrowest = {name: value.clone() for name, value in encoder.state_dict().items()}, width
        if turn == rounds or float(off.abs().max()) < _ENOUGH:
            break
        for name, factor in zip(rates, (off * _DAMPING / 2).exp()):
            modules[name].weight.mul_(float(factor))
        _pass(encoder, images, _centred)
    encoder.load_state_dict(best)


# changes a layer, given what went in, what came out and the axis of its channels; gives what comes out then
_Action = Callable[[nn.Module, tuple[Tensor, ...], Tensor, int], Tensor]


_Seen = Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor | None]
_Entered = Callable[[nn.Module, tuple[Tensor, ...]], None]


def _pass(encoder: nn.Module, images: Tensor, act: _Action) -> None:
    """Send the images through, and let `act` change each layer before the next one sees its output."""
    done: set[nn.Module] = set()

    def layer(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        if module in done:
            return None
        done.add(module)
        return act(module, inputs, output, -1 if isinstance(module, nn.Linear) else 1)

    def norm(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if module in done or module.running_mean is None:
            return
        done.add(module)
        mean, deviation = _moments(inputs[0], 1)
        module.running_mean.copy_(mean)
        # its own epsilon is added to the variance again; half of the variance is kept at the least
        variance = deviation.square()
        module.running_var.copy_(torch.maximum(variance - module.eps, variance / 2))

    with _hooked(encoder, layer, norm):
        encoder(images)


@contextmanager
def _hooked(encoder: nn.Module, layer: _Seen, norm: _Entered) -> Iterator[None]:
    handles = []
    for module in encoder.modules():
        if isinstance(module, _LAYERS):
            handles.append(module.register_forward_hook(layer))
        elif isinstance(module, _BatchNorm):
            handles.append(module.register_forward_pre_hook(norm))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _unit_variance(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor, axis: int) -> Tensor:
    """Every output channel gets variance 1, and mean 0 where there is a bias."""
    mean, deviation = _moments(output, axis)
    alive = deviation > _DEAD * (mean.square() + deviation.square()).sqrt().clamp_min(1e-30)
    factor = torch.where(alive, 1 / deviation.clamp_min(1e-30), torch.ones_like(deviation))
    kept = [parameter.clone() for parameter in (module.weight, module.bias) if parameter is not None]
    module.weight.mul_(factor.view(-1, *[1] * (module.weight.ndim - 1)).to(module.weight))
    if module.bias is not None:
        module.bias.copy_((module.bias - mean) * factor)
    now = module.forward(*inputs)
    if bool(((_moments(now, axis)[1] - 1).abs() < 0.1)[alive].all()):
        return now
    # it standardises its own weights, so that no factor changes its output
    for parameter, before in zip((module.weight, module.bias), kept):
        parameter.copy_(before)
    return output


def _centred(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor, axis: int) -> Tensor:
    """Every output channel of a layer with a bias gets mean 0."""
    if module.bias is None:
        return output
    module.bias.sub_(_moments(output, axis)[0].to(module.bias))
    return module.forward(*inputs)


def _moments(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (C,) of each channel, in float32."""
    deviation, mean = torch.std_mean(x.movedim(axis, 0).flatten(1).float(), 1, correction=0)
    return mean, deviation


def _first_filters(encoder: nn.Module, images: Tensor, seed: int) -> None:
    """Put centres of whitened patches into the first convolution, as filters on plain patches."""
    seen: list[tuple[nn.Module, Tensor]] = []

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if not seen:
            seen.append((module, inputs[0]))

    with _hooked(encoder, note, lambda module, inputs: None):
        encoder(images)
    layer, x = seen[0] if seen else (None, images)
    if not isinstance(layer, nn.Conv2d) or layer.groups > 1 or layer.dilation != (1, 1):
        raise bad("kmeans", type(layer).__name__, "a plain convolution as the network's first layer")
    generator = torch_rng(seed, "k-means")
    patches, whiten = whitened_patches(x.float().cpu(), tuple(layer.kernel_size), generator)
    centres = spherical_kmeans(patches, len(layer.weight), generator)
    layer.weight.copy_((centres @ whiten).view_as(layer.weight))
