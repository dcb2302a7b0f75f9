"""What tasks share that cluster images or pull views of one image together: views, edges, k-means, contests of two."""

import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...data.views import Recipe, luma, two_views, view
from ...learning.objective import Split
from ...learning.preview import picture
from ...learning.recipes import recipe_of
from ._matching import own_is_nearest

EXACT = 20_000  # rows up to which k-means looks at all of them in each iteration


def pick_views(name: str, known: Split) -> Any:
    """Resolve `auto`: the views for small grey symbols, crops and mirrors else."""
    return name if name != "auto" else "digit" if known.symbols else "crop"


def views_of(name: str, x_NCHW: Tensor) -> Recipe:
    """Beside the views of all tasks `crop`, those of these papers, which leave colours as they are."""
    if name != "crop":
        return recipe_of(name, x_NCHW)
    photo = recipe_of("photo", x_NCHW)
    return Recipe(crop=photo.crop, crop_ratio=photo.crop_ratio, flip=photo.flip)


def edges(x_NCHW: Tensor) -> Tensor:
    """Sobel's filters on the brightness: slope to the right and slope down, 0.5 where there is none, and their length.

    >>> x = torch.linspace(0, 1, 5).expand(1, 3, 5, 5)  # brighter by a quarter a pixel to the right
    >>> edges(x)[0, :, 2, 2].tolist()
    [0.75, 0.5, 0.25]
    """
    grey = nn.functional.pad(luma(x_NCHW), (1, 1, 1, 1), mode="replicate")
    right = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]], device=grey.device, dtype=grey.dtype)
    slopes = nn.functional.conv2d(grey, torch.stack([right, right.T])[:, None] / 8)
    # a slope is at most half of the span from 0 to 1
    return torch.cat([0.5 + slopes, slopes.square().sum(1, keepdim=True).sqrt()], 1).clamp(0, 1)


def training_view(x_NCHW: Tensor, recipe: str, generator: torch.Generator, sobel: float = 0.0) -> Tensor:
    """One random view of each image, a share `sobel` of them as edges."""
    x = view(x_NCHW, views_of(recipe, x_NCHW), generator)
    if not sobel:
        return x
    some = torch.rand(len(x), generator=generator, device=generator.device).to(x.device) < sobel
    return torch.where(some[:, None, None, None], edges(x), x)


def twin_views(x_NCHW: Tensor, recipe: str, generator: torch.Generator) -> Tensor:
    """(2N, 3, S, S): one view of each image, then another of each."""
    return torch.cat(two_views(x_NCHW, views_of(recipe, x_NCHW), generator))


def twins_matched(z_MD: Tensor, candidates: int) -> Tensor:
    """(N', 1) of 0 and 1: is the first view of each image nearer to its own second view than to others'?

    `z` are the vectors of 2N views, compared at length 1 among `candidates` images: chance is 1 / candidates.
    """
    first, second = nn.functional.normalize(z_MD.float(), dim=1).chunk(2)
    return own_is_nearest(first, second, candidates)


def dealt(inputs: Tensor, targets: Tensor | None, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
    """The control: the second views of twins in another order; where there are targets, these."""
    if targets is not None:
        return inputs, targets[torch.randperm(len(targets), generator=generator, device=targets.device)]
    first, second = inputs.chunk(2)
    return torch.cat([first, second[torch.randperm(len(second), generator=generator, device=second.device)]]), None


def shown_twins(
    images_NCHW: Tensor, views: Tensor, encoder: nn.Module | None = None, head: nn.Module | None = None
) -> list[tuple[str, np.ndarray]]:
    """Pictures of each image and its two views; with a network also of the second view nearest to its first."""
    names, groups = ["image", "view 1", "view 2"], [images_NCHW, *views.chunk(2)]
    if encoder is not None and head is not None:
        first, second = nn.functional.normalize(head(encoder(views)).float(), dim=1).chunk(2)
        names, groups = [*names, "nearest to 1"], [*groups, groups[2][(first @ second.T).argmax(1)]]
    return [(name, picture(x)) for group in zip(*groups) for name, x in zip(names, group)]


def epochs_between(n: int, copies: int, steps: int) -> int:
    """How many epochs over n images last about `steps` steps, with the batches that a run chooses by itself.

    >>> epochs_between(1213, 1, 20), epochs_between(100_000, 1, 20)
    (2, 1)
    """
    batch = min((128 if n < 5000 else 256) // copies, n)
    return max(1, round(steps / (n // batch)))


def whitened(x_ND: Tensor, dims: int) -> Tensor:
    """Principal components, at most `dims`, each scaled to variance 1; then every row to length 1.

    Directions with less than a millionth of the largest variance are left out: there is nothing but rounding in them.
    """
    x = x_ND.double() - x_ND.double().mean(0)
    values, vectors = torch.linalg.eigh(x.T @ x / max(len(x) - 1, 1))
    kept = (values > 1e-6 * values[-1]).nonzero()[-dims:, 0] if values[-1] > 0 else values.argsort()[-1:]
    parts = x @ vectors[:, kept] / values[kept].clamp(min=1e-12).sqrt()
    return nn.functional.normalize(parts, dim=1).float()


def kmeans(x_ND: Tensor, k: int, generator: torch.Generator) -> Tensor:
    """Cluster of each row, (N,), by k-means++ and Lloyd's iterations; empty clusters get the farthest rows.

    Above 20,000 rows by mini-batches. One thread, so that the sums are added in the same order each time.
    """
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    seed = int(torch.randint(2**31 - 1, (), generator=generator, device=generator.device))
    if len(x_ND) <= EXACT:
        method = KMeans(k, n_init=1, max_iter=50, random_state=seed)
    else:
        method = MiniBatchKMeans(k, n_init=1, batch_size=max(4096, 4 * k), max_iter=20, random_state=seed)
    with threadpool_limits(1), warnings.catch_warnings():
        # fewer different rows than clusters: some stay empty
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = method.fit_predict(x_ND.float().cpu().numpy())
    return torch.from_numpy(found).long().to(x_ND.device)
