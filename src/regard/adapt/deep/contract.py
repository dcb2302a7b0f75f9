"""The contract of deep adaptation: what a method sees of a batch of both domains, and what it says of it.

A method is one file in `adapt/networks/` whose `Method` is a frozen dataclass below `DeepMethod`: its fields are its
settings. Its loss never sees a network: features and logits come in, a loss goes out, so that it works on any encoder.
Why it is so: docs/decisions/0014-deep-adaptation.md. A method whose network is another for each domain puts that into
it before training, and takes it out again after: `equip`, `penalty`, `settle`, see `deep.streams`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from ...core.checks import check_number
from ...learning.trainable import START, Log, Moment, Player

PARTS, NETWORK = "parts", "network"  # players, where the method's parts move apart from the network
Images = Callable[[], Iterable[Tensor]]  # each call goes over all target images once: float32 (N, 3, H, W) in [0, 1]


class Seen(NamedTuple):
    """A batch of both domains after the network, in float32.

    What goes back through features and logits reaches encoder and classifier times weight and schedule; a method's own
    parts get the whole gradient.

    Attributes:
        source_features: (n, D); n is 0 for a method that does without the source.
        target_features: (m, D).
        source_logits: (n, K).
        target_logits: (m, K).
        labels: (n,) places among the classes, of the source.
        target_labels: (m,) the same of the target; 0 wherever `known` is false, whatever was given.
        known: (m,) bool, whether a target label is known.
        rows: (m,) which target image each is; -1 for those that came with a label.
        plain_logits: (m, K) of the same target images without views, by the network in evaluation mode and without a
            gradient; None where the method does not ask for them.
        source_images: (n, 3, H, W) as the network got them, in [0, 1].
        target_images: (m, 3, H, W).
    """

    source_features: Tensor
    target_features: Tensor
    source_logits: Tensor
    target_logits: Tensor
    labels: Tensor
    target_labels: Tensor
    known: Tensor
    rows: Tensor
    plain_logits: Tensor | None = None
    source_images: Tensor | None = None
    target_images: Tensor | None = None


@dataclass(frozen=True)
class DeepMethod:
    """A way of bringing source and target together in a network.

    Attributes:
        weight: how much of the method's gradient reaches the network; 0 is the source alone, to the bit.
        learns: whether there is a `loss`; else all is in `settle`.
        needs_source: whether it learns from source images; one that does not starts from the network that the source
            has taught, and its classifier stays as it is.
        plain: whether it is told what the network says of target images without views, too.
        keeps_source: whether source images go through the network as the source has taught it, which stays; the
            target's own starts from it, and the classifier stays as well.
        as_is: whether target images come in their own order and without views, as at test time.
        continues: whether one that needs the source starts from that network too.
        unlabelled: whether it looks at target images whose label is not known; else at the others alone.
        even: whether it takes both domains to have the same classes, in about the same shares.
        in_turn: how the domains pass through the network: True, one after the other, each in a stream of its own whose
            statistics are its own; False, in one batch; None, as the run is told.
        most: the largest weight that means something.
    """

    weight: float = 1.0

    learns: ClassVar[bool] = True
    needs_source: ClassVar[bool] = True
    plain: ClassVar[bool] = False
    keeps_source: ClassVar[bool] = False
    as_is: ClassVar[bool] = False
    continues: ClassVar[bool] = False
    unlabelled: ClassVar[bool] = True
    even: ClassVar[bool] = True
    in_turn: ClassVar[bool | None] = None
    most: ClassVar[float] = inf

    def __init_subclass__(cls) -> None:
        if cls.learns and cls.loss is DeepMethod.loss:
            raise TypeError(
                f"{cls.__module__}.{cls.__qualname__} learns and has no `loss`: give it one, or learns = False"
            )

    def __post_init__(self) -> None:
        check_number("--set weight", self.weight, 0, self.most)

    def schedule(self, progress: float) -> float:
        """What the weight is multiplied by when this share of the run is done."""
        return 1.0

    @property
    def starts_taught(self) -> bool:
        """Whether it starts from what the source has taught, with a classifier that stays."""
        return self.keeps_source or not self.needs_source

    def steps(self, one_pass: int) -> int | None:
        """How long it learns, where `one_pass` steps go over the target once; None: as long as the source alone."""
        return None

    def admits(self, network: nn.Module) -> None:
        """Raise InputError where a network cannot be adapted in this way."""

    def parts(self, features: int, classes: int, images: int) -> nn.Module | None:
        """What the method trains beside the network, such as a classifier of domains; what it remembers, as buffers.

        Args:
            features: D.
            classes: K.
            images: how many target images without a label there are.
        """
        return None

    def players(self, everyone: Player, network: nn.Module, parts: nn.Module | None) -> Sequence[Player]:
        """Who moves in a step, in turn; what is no player's stays as it is.

        A player named `PARTS` sees what the network says, and `loss` is all that it gets: nothing of the network
        learns from it or changes, its statistics neither. Everyone else's loss has the cross-entropy beside it.

        Args:
            everyone: the one player there is unless said otherwise, with all that learns, the network at its own rate.
            network: of the encoder.
            parts: what `parts` made.
        """
        return [everyone]

    def equip(self, network: nn.Module) -> None:
        """Put into a network, in place, what makes it another for each domain: modules below `streams.ByDomain`.

        Called before training, not at weight 0, and seeded. What is frozen in a run is frozen after it.
        """

    def penalty(self, network: nn.Module) -> tuple[Tensor | float, Log]:
        """A loss of the weights themselves, which is added as it is, and what to log of them."""
        return 0.0, {}

    def loss(self, seen: Seen, parts: nn.Module | None, at: Moment = START) -> tuple[Tensor, Log]:
        """The loss of a batch, not weighted, and what to log.

        An adversary logs `domain_spread`, the standard deviation of its logits: one that says the same of every
        image teaches nothing, and the run tells. Of the source alone, and of a method that does not learn, it is 0.
        """
        return seen.target_features.new_zeros(()), {}

    def every_epoch(self, features_ND: Tensor, logits_NK: Tensor, parts: nn.Module | None) -> None:
        """Called before each epoch with what the network says of all target images, where `looks` is true."""

    @property
    def looks(self) -> bool:
        """Whether `every_epoch` is to be called."""
        return type(self).every_epoch is not DeepMethod.every_epoch

    @property
    def equips(self) -> bool:
        """Whether `equip` changes the network."""
        return type(self).equip is not DeepMethod.equip

    def settle(self, network: nn.Module, images: Images) -> None:
        """Change the network after training, by target images; called without gradients, in evaluation mode.

        What `equip` put in goes: the network is a plain one, the target's, with weights under the names it came with.
        """
