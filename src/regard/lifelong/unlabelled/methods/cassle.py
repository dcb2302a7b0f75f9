"""CaSSLe: what the old network said of a view must be foretold from what the new one says, by the task's own loss.

Fini, da Costa, Alameda-Pineda, Ricci, Alahari and Mairal 2022, Self-supervised models are continual learners, CVPR,
arXiv 2112.04215. With z the embeddings that the task's loss compares and g the predictor: L = L_SSL(z) + w D(g(z),
z_old), with D the same loss between the two networks' embeddings of the same view: for `simclr` the contest among all
views of the batch, for `byol` the distance of unit vectors, for `vicreg` the invariance term. Old embeddings are
foretold, not held: what is new may be learned beside them. Weight 1 and 2,048 hidden units are the authors'.

What differs: D has the temperature of the task's loss, which is the authors', too; the old network uses the statistics
of batch normalisation that it ended with, which stay as they are, in place of each batch's own.
"""

from dataclasses import dataclass

from torch import Tensor

from ....learning.objective import Objective
from ..contract import Foretelling


@dataclass(frozen=True)
class Method(Foretelling):
    """CaSSLe.

    Attributes:
        weight: of what is foretold; 0 learns as `finetune` does, to the bit.
        hidden: width of the predictor's hidden layer.
    """

    of = "embeddings"

    def loss(self, objective: Objective, predicted_ND: Tensor, given_ND: Tensor) -> Tensor:
        """The task's own loss between the two networks."""
        return self.weight * objective.foretold(predicted_ND, given_ND)
