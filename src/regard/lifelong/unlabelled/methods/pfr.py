"""PFR: projected functional regularisation; the old network's features must be foretold from the new one's.

Gomez-Villa, Twardowski, Yu, Bagdanov and van de Weijer 2022, Continually learning self-supervised representations with
projected functional regularization, CVPR workshops, arXiv 2112.15022. With h the encoder's features of a view and g the
predictor: L = L_SSL + w mean(-cos(g(h), h_old)). It needs no projection and no loss of a certain form, so that any task
whose loss comes from pooled features admits it. Weight 1 and 2,048 hidden units are those of the authors' code.

What differs: the old network uses the statistics of batch normalisation that it ended with, which stay as they are, in
place of each batch's own.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from ....learning.objective import Objective
from ..contract import Foretelling


def away(predicted_ND: Tensor, given_ND: Tensor) -> Tensor:
    """Mean of -cos: -1 where all directions are met.

    >>> from torch import tensor
    >>> x = tensor([[1.0, 0.0]])
    >>> [float(away(x, tensor([t]))) for t in ([3.0, 0.0], [-2.0, 0.0])]
    [-1.0, 1.0]
    """
    return -nn.functional.cosine_similarity(predicted_ND, given_ND, dim=1).mean()


@dataclass(frozen=True)
class Method(Foretelling):
    """PFR.

    Attributes:
        weight: of what is foretold; 0 learns as `finetune` does, to the bit.
        hidden: width of the predictor's hidden layer.
    """

    of = "features"

    def loss(self, objective: Objective, predicted_ND: Tensor, given_ND: Tensor) -> Tensor:
        """The negative cosine, weighted."""
        return self.weight * away(predicted_ND, given_ND)
