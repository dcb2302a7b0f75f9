"""L2-SP: a pull back to where the network started, in place of one to zero.

Li, Grandvalet and Davoine 2018, Explicit inductive bias for transfer learning with convolutional networks, ICML,
equation 2: alpha/2 |w - w0|^2 over the weights that were there, beta/2 |v|^2 over those that are new. Weight decay
pulls all of them to zero, and so away from what was learned.
"""

from torch import Tensor, nn

from ..core.checks import check_number


class StartingPoint(nn.Module):
    """The weights that a network started with, and the penalty for leaving them.

    Args:
        network: its parameters that learn, as they are now, are the starting point.
        alpha: of those, at least 0.
        beta: of the head's, at least 0.
    """

    def __init__(self, network: nn.Module, alpha: float, beta: float) -> None:
        super().__init__()
        check_number("--l2-sp", alpha, 0)
        check_number("--weight-decay", beta, 0)
        self.alpha, self.beta = alpha, beta
        self.names = [name for name, one in network.named_parameters() if one.requires_grad]
        own = dict(network.named_parameters())
        for place, name in enumerate(self.names):
            # not in the checkpoint: a run that goes on starts from the same weights
            self.register_buffer(f"start{place}", own[name].detach().clone(), persistent=False)

    def penalty(self, network: nn.Module, head: nn.Module) -> Tensor:
        """alpha/2 |w - w0|^2 + beta/2 |v|^2, w the network's weights and v the head's, biases among both.

        >>> network, head = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.ones_(network.weight), nn.init.ones_(head.weight)
        >>> start = StartingPoint(network, alpha=2.0, beta=4.0)
        >>> _ = nn.init.constant_(network.weight, 4.0)
        >>> start.penalty(network, head).item()     # 2/2 * 3^2 + 4/2 * 1^2
        11.0
        """
        own = dict(network.named_parameters())
        away = [
            (own[name].float() - self.get_buffer(f"start{place}").float()).square().sum()
            for place, name in enumerate(self.names)
        ]
        new = [one.float().square().sum() for one in head.parameters()]
        return self.alpha / 2 * sum(away, start=_zero(head)) + self.beta / 2 * sum(new, start=_zero(head))


def _zero(head: nn.Module) -> Tensor:
    first = next(head.parameters())
    return first.new_zeros(())
