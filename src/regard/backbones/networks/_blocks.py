"""What small networks of blocks share: timm's methods, so that every head fits."""

from collections.abc import Sequence

from torch import Tensor, nn


class Blocks(nn.Module):
    """A network whose map goes through `blocks`; `pooled` makes features of the last one.

    Attributes:
        blocks: one after the other.
        fc: features to logits, or an identity.
        head_hidden_size: how many features.
        num_classes: logits; 0 without a classifier.
        drop_rate: share of features that training leaves out.
    """

    blocks: nn.ModuleList
    fc: nn.Module
    head_hidden_size: int
    num_classes: int
    drop_rate: float

    def pooled(self, x: Tensor) -> Tensor:
        """The last map (N, C, h, w) to features (N, D); their average unless a network says otherwise."""
        return x.mean((2, 3))

    def forward_intermediates(self, x: Tensor, indices: Sequence[int] | None = None, **_: object) -> list[Tensor]:
        """Maps (N, C, H/stride, W/stride) of the blocks, or of those in `indices`."""
        maps = []
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        return maps if indices is None else [maps[i] for i in indices]

    def forward_features(self, x: Tensor) -> Tensor:
        """The last map."""
        return self.forward_intermediates(x)[-1]

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """The last map to features (N, D), or to logits (N, num_classes)."""
        x = nn.functional.dropout(self.pooled(x), self.drop_rate, self.training)
        return x if pre_logits else self.fc(x)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) to logits (N, num_classes), or to features (N, D) where there is no classifier."""
        return self.forward_head(self.forward_features(x))

    def get_classifier(self) -> nn.Module:
        """The last linear layer."""
        return self.fc

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Put a new last layer on, or none where num_classes is 0."""
        self.num_classes = num_classes
        self.fc = nn.Linear(self.head_hidden_size, num_classes) if num_classes else nn.Identity()
