"""Gradual unfreezing: the head learns alone first, then the last stage with it, then one more, down to the first.

Howard and Ruder 2018, Universal language model fine-tuning for text classification (ULMFiT), ACL, section 3.3: while
the new head is far off, its gradients would wash out what the network knows; so layers learn from the top, one more
each epoch. Here the turns share the first half of the run, however long that is, and all learn in the second: a short
run that gave each stage an epoch would end before the first stage has moved.
"""

from torch import nn

from ..backbones.encoder import Encoder
from .layer_rates import stages_above

UNTIL = 0.5  # the share of the run after which all learn


class Gradual:
    """Which weights of an encoder wait for their turn.

    Args:
        encoder: with what is frozen for good frozen already; that is left so.

    Attributes:
        turns: how many turns there are before all learn.
        turn_of: the turn of each parameter that learns, by name: 1 for those of the last stage.
        waiting: the names of the modules that wait now, for `Tuned.train`.

    Raises:
        InputError: the stages of the network are not modules of their own.

    >>> from regard.backbones.encoder import make_encoder
    >>> gradual = Gradual(make_encoder("convnet4"))
    >>> gradual.turns, [gradual.learning(done) for done in (0, 0.12, 0.125, 0.4, 0.5, 1)]
    (4, [0, 0, 1, 3, 4, 4])
    """

    def __init__(self, encoder: Encoder) -> None:
        above = stages_above(encoder, "--unfreeze", "'gradual'", "all or lp-ft")
        learns = {name for name, one in encoder.network.named_parameters() if one.requires_grad}
        places = sorted({above[name] for name in learns})  # a stage without weights has no turn
        self.turn_of = {name: places.index(above[name]) + 1 for name in above if name in learns}
        self.turns = len(places)
        self.waiting: set[str] = set()
        self._now = -1

    def learning(self, progress: float) -> int:
        """How many stages learn when this share of the run is done."""
        return min(self.turns, int(progress * self.turns / UNTIL + 1e-9))

    def take_turns(self, network: nn.Module, progress: float, several: bool = False) -> None:
        """Let those learn whose turn has come; the others get no gradients, and their modules are named in `waiting`.

        Args:
            network: the encoder's.
            progress: the share of the run that is done.
            several: of several processes, which expect all gradients: they are made, and `hold_back` drops them.
        """
        now = self.learning(progress)
        if now == self._now:
            return
        self._now, learns = now, {name for name, turn in self.turn_of.items() if turn <= now}
        for name, parameter in network.named_parameters():
            if name in self.turn_of:
                parameter.requires_grad_(several or name in learns)
        self.waiting = set()
        for name, module in network.named_modules():
            inside = [one for one, _ in module.named_parameters(prefix=name)]
            # what has no weights (dropout, an activation) is as what it lies in
            waits = not learns & set(inside) if inside else name.rpartition(".")[0] in self.waiting
            if waits:
                self.waiting.add(name)

    def hold_back(self, network: nn.Module, progress: float) -> None:
        """Take the gradients of those away whose turn has not come: the optimiser passes over them."""
        now = self.learning(progress)
        for name, parameter in network.named_parameters():
            if self.turn_of.get(name, 0) > now:
                parameter.grad = None
