"""A network in evaluation mode for a while."""

from torch import nn


class evaluating:
    """Put a module in evaluation mode for a block, and give it back as it was."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __enter__(self) -> None:
        self.modes = [(m, m.training) for m in self.module.modules()]
        self.module.eval()

    def __exit__(self, *_: object) -> None:
        for module, mode in self.modes:
            module.training = mode
