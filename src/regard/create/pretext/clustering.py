"""Joint clustering: merge images into groups, learn from the groups, merge on (JULE; Yang et al. 2016).

"Joint unsupervised learning of deep representations and image clusters", CVPR, arXiv 1604.03628.

Images begin as many small groups of nearest neighbours. Each period merges a share of them, those that are most alike,
by a graph of nearest neighbours; then the network learns vectors in which images of a group are nearer to each other
than to the nearest images of other groups; with these the next period merges on. Once there are as few groups as
wanted, each period groups anew, from neighbours down, by what the network has learned. Against the paper: random views
of the images, and two of each in a batch, so that every image has a partner; negatives are the nearest in the batch;
AdamW and one cycle. Time and memory go with the square of the number of images that are merged, so that of large sets
only a part is, evenly spread; each other image joins the group of its nearest neighbour among them.
"""

from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any, Literal, Self

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor, nn

from ...backbones.encoder import Encoder
from ...core.checks import check_number
from ...learning.batch import Batch
from ...learning.divergence import spread
from ...learning.module import features_of
from ...learning.objective import FROM_DATA, Objective, Split
from ...learning.trainable import START, Log, Moment
from ._clusters import dealt, epochs_between, pick_views, shown_twins, training_view, twin_views, twins_matched

LOCAL = 5  # clusters that a pair must stand out from (K_c)
NEGATIVES = 20  # nearest views of other clusters that each pair is held against


def neighbour_graph(x_ND: Tensor, k: int) -> tuple[csr_array, np.ndarray]:
    """(W, nearest): weights exp(-d²/s²) of the directed edges to each row's k nearest rows, and the nearest one (n,).

    s² is the mean of these d² (section 3.3 of the paper with a = 1).
    """
    k = min(k, len(x_ND) - 1)
    x = x_ND.float()
    found, places = [], []
    for start in range(0, len(x), 1024):
        part = x[start : start + 1024]
        d = (part.square().sum(1)[:, None] + x.square().sum(1)[None] - 2 * part @ x.T).clamp(min=0)
        own = torch.arange(len(part), device=x.device)
        d[own, own + start] = torch.inf
        values, index = d.topk(k, largest=False)
        found.append(values)
        places.append(index)
    d, nearest = torch.cat(found).double().cpu().numpy(), torch.cat(places).cpu().numpy()
    weights = np.exp(-d / max(float(d.mean()), 1e-12))
    rows = np.repeat(np.arange(len(x)), k)
    return csr_array((weights.ravel(), (rows, nearest.ravel())), shape=(len(x), len(x))), nearest[:, 0]


def first_clusters(nearest: np.ndarray) -> np.ndarray:
    """Clusters (n,): rows that a chain of nearest neighbours connects.

    >>> first_clusters(np.array([1, 0, 1, 4, 3])).tolist()
    [0, 0, 0, 1, 1]
    """
    n = len(nearest)
    return connected_components(csr_array((np.ones(n), (np.arange(n), nearest)), shape=(n, n)), directed=False)[1]


def merged(cluster_N: np.ndarray, W: csr_array, until: int) -> np.ndarray:
    """Merge clusters 0 ... C-1 pair by pair until so many are left, or no two are neighbours; numbered anew from 0.

    The affinity of a to b is the sum over rows k in b of (weight from a to k)·(weight from k to a) / |a|² (Zhang et al.
    2012, graph degree linkage), A of a pair is the sum of both directions. Merged is the cluster, with its nearest one,
    where A(nearest) + mean over its next clusters of (A(nearest) - A(next)) is largest: the most alike pair that also
    stands out (the paper's equation 8 with its weight at 1).
    """
    label, count = cluster_N.copy(), int(cluster_N.max()) + 1
    member = csr_array((np.ones(len(label)), (label, np.arange(len(label)))), shape=(count, len(label)))
    size = np.bincount(label, minlength=count).astype(float)
    out, into = (member @ W).toarray(), (member @ W.T).toarray()  # from each cluster to each row, and back
    one_way = (member @ (out * into / size[:, None] ** 2).T).T  # (C, C): from a to b
    both = one_way + one_way.T
    np.fill_diagonal(both, -np.inf)
    best, score = both.argmax(1), _standing_out(both, count)
    alive = count
    while alive > until:
        a = int(score.argmax())
        b = int(best[a])
        if not np.isfinite(score[a]) or both[a, b] <= 0:
            break
        touched = (both[:, a] > 0) | (both[:, b] > 0) | (best == a) | (best == b)
        label[label == b] = a
        size[a] += size[b]
        size[b] = 0
        out[a] += out[b]
        into[a] += into[b]
        one_way[:, a] += one_way[:, b]
        one_way[a] = np.bincount(label, out[a] * into[a] / size[a] ** 2, minlength=count)
        one_way[b] = one_way[:, b] = 0
        both[a] = both[:, a] = one_way[a] + one_way[:, a]
        both[a, a] = both[b] = both[:, b] = -np.inf
        score[b] = -np.inf
        alive -= 1
        touched |= both[:, a] > 0
        touched[a] = True
        if alive <= LOCAL + 1:
            touched[:] = True
        touched &= size > 0
        best[touched] = both[touched].argmax(1)
        score[touched] = _standing_out(both[touched], alive)
    return np.unique(label, return_inverse=True)[1]


def _standing_out(both: np.ndarray, alive: int) -> np.ndarray:
    """For rows of affinities to `alive` - 1 others: the largest, plus how far it is above the mean of the next ones."""
    k = min(LOCAL, alive - 1)
    if k < 1:
        return np.full(len(both), -np.inf)
    top = -np.sort(np.partition(-both, k - 1, axis=1)[:, :k], axis=1)
    return top[:, 0] + (top[:, 0] - top[:, 1:].mean(1) if k > 1 else 0)


def cluster_triplets(z_ND: Tensor, cluster_N: Tensor, margin: float) -> Tensor:
    """Mean over pairs (i, j) of a cluster and the nearest views k of others of max(0, margin + d(i, j) - d(i, k)).

    d is the squared distance of vectors at length 1, in float32; k are the 20 nearest ones in the batch.
    """
    with torch.autocast(z_ND.device.type, enabled=False):
        u = nn.functional.normalize(z_ND.float(), dim=1)
        d = (2 - 2 * u @ u.T).clamp(min=0)
        same = cluster_N[:, None] == cluster_N[None]
        i, j = (same & ~torch.eye(len(u), dtype=torch.bool, device=u.device)).nonzero(as_tuple=True)
        others = int((~same).sum(1).max())
        if not others or not len(i):
            return 0 * u.sum()
        near = d.masked_fill(same, torch.inf).topk(min(NEGATIVES, others), largest=False).values[i]
        # where a view has fewer negatives than that, infinitely far ones cost nothing
        return (margin + d[i, j][:, None] - near).clamp(min=0).sum() / near.isfinite().sum()


class Groups(nn.Module):
    """The projection to the vectors that are merged, with the cluster of every training image (n,)."""

    def __init__(self, features: int, n: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, width)
        # until the first merging each image is alone
        self.register_buffer("cluster", torch.arange(n))

    def forward(self, features_ND: Tensor) -> Tensor:
        """Vectors (N, d) of length 1, in float32."""
        return nn.functional.normalize(self.linear(features_ND).float(), dim=1)


@dataclass(frozen=True)
class Method(Objective):
    """Joint clustering.

    Attributes:
        clusters: how many groups are wanted in the end; 0: a hundredth of the images, from 10 to 200.
        share: part of the groups that one period merges away (eta of the paper: 0.9, or 0.2 for finer periods).
        every: epochs in a period; 0: about 40 steps, at least one epoch.
        neighbours: edges of each image in the graph (K_s).
        margin: by how much other groups must be farther, of a squared distance from 0 to 4.
        width: length of the vectors that are merged and learned.
        most: images that are merged; the others join their nearest one's group.
        recipe: the views: crop (and mirror) | photo (colours too) | digit | none | auto: digit for small grey
            symbols, crop else.
        candidates: images in one held-out contest: a first view must find its own second view among so many.
        n: number of training images.
    """

    clusters: int = 0
    share: float = 0.9
    every: int = 0
    neighbours: int = 20
    margin: float = 0.2
    width: int = 64
    most: int = 4000
    recipe: Literal["auto", "crop", "photo", "digit", "none"] = "auto"
    candidates: int = 16
    n: int = field(default=0, metadata=FROM_DATA)

    copies = 2

    def __post_init__(self) -> None:
        check_number("--set share", self.share, 0, 0.99, open_low=True)
        check_number("--set margin", self.margin, 0, open_low=True)
        for name, least in (("clusters", 0), ("every", 0), ("neighbours", 1), ("width", 2), ("most", 10)):
            check_number(f"--set {name}", getattr(self, name), least, whole=True)
        check_number("--set candidates", self.candidates, 2, whole=True)

    def configure(self, known: Split) -> Self:
        """Counts from the number of images, views that suit them, contests no larger than the held-out set."""
        n = len(known.train)
        return replace(
            self,
            clusters=self.clusters or min(max(n // 100, 10), 200),
            every=self.every or epochs_between(n, self.copies, 40),
            recipe=pick_views(self.recipe, known),
            candidates=min(self.candidates, len(known.held_out)),
            n=n,
        )

    @property
    def chance(self) -> float:
        """One of the candidates."""
        return 1 / self.candidates

    def prepare(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        """(2N, 3, S, S): two views of each image; and the row of each. Held out: None in place of the rows."""
        if batch.held_out:
            return twin_views(batch.images, self.recipe, generator), None
        return training_view(batch.images.repeat(2, 1, 1, 1), self.recipe, generator), batch.rows.repeat(2)

    def head(self, encoder: Encoder) -> nn.Module:
        """The projection, and each image's cluster."""
        return Groups(encoder.num_features, self.n, self.width)

    def every_epoch(self, encoder: Encoder, head: Any, feed: Any, at: Moment, generator: torch.Generator) -> tuple[()]:
        """Each period merges on; the first one by pixels, the others by the learned vectors."""
        if at.epoch % self.every:
            return ()
        x = features_of(nn.Sequential(encoder, head), feed) if at.epoch else _pixels(feed).to(head.cluster.device)
        rows = torch.linspace(0, self.n - 1, min(self.n, self.most), dtype=torch.float64).round().long()
        W, nearest = neighbour_graph(x[rows], self.neighbours)
        now = np.unique(head.cluster[rows].cpu().numpy(), return_inverse=True)[1]
        anew = at.epoch == 0 or now.max() < self.clusters
        begin = first_clusters(nearest) if anew else now
        count = int(begin.max()) + 1
        goal = self.clusters if anew and at.epoch else max(self.clusters, ceil((1 - self.share) * count))
        found = torch.from_numpy(merged(begin, W, goal)).to(x.device)
        head.cluster.copy_(found[_nearest(x, x[rows])])
        return ()

    def loss(
        self, encoder: Encoder, head: Any, inputs: Tensor, targets: Tensor, at: Moment = START
    ) -> tuple[Tensor, Log]:
        """Triplets within and across clusters; logs the spread, and how many clusters there are."""
        z = head(encoder(inputs))
        log = {"spread": spread(z), "clusters": head.cluster.max() + 1}
        return cluster_triplets(z, head.cluster[targets], self.margin), log

    def correct(self, encoder: Encoder, head: Any, inputs: Tensor, targets: None) -> Tensor:
        """(N', 1): is the first view of an unseen image nearer to its second view than to other images'?"""
        return twins_matched(head(encoder(inputs)), self.candidates)

    def shuffled(self, inputs: Tensor, targets: Tensor | None, generator: torch.Generator) -> tuple[Tensor, Any]:
        """The second views in another order."""
        return dealt(inputs, targets, generator)

    def preview(
        self, images_NCHW: Tensor, generator: torch.Generator, encoder: Encoder | None = None, head: Any = None
    ) -> list[tuple[str, np.ndarray]]:
        """Each image and two views; with a network what is nearest to the first."""
        return shown_twins(images_NCHW, twin_views(images_NCHW, self.recipe, generator), encoder, head)


def _pixels(feed: Any, side: int = 16) -> Tensor:
    """All images of a feed as rows of numbers (n, 3·side·side), shrunk."""
    shrink = nn.functional.adaptive_avg_pool2d
    return torch.cat([shrink(batch.images.float() / 255, side).flatten(1) for batch in feed.in_order(256)])


def _nearest(x_ND: Tensor, among_MD: Tensor) -> Tensor:
    """Place of the nearest row of `among` for each row of x, (N,); a row that is among them is its own."""
    parts = x_ND.split(1024)
    return torch.cat([(among_MD.square().sum(1) - 2 * part @ among_MD.T).argmin(1) for part in parts])
