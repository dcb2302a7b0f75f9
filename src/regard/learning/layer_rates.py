"""Layer-wise learning rates: the earlier a layer, the slower it learns.

Clark, Luong, Le, Manning 2020, ELECTRA, ICLR; for vision Bao, Dong, Piao, Wei 2022, BEiT, ICLR: each block has the next
one's rate times one number, .65 to .9 for transformers that are fine-tuned.
"""

from ..backbones.encoder import Encoder
from ..core.checks import bad


def stages_above(
    encoder: Encoder, argument: str = "--layer-decay", got: str = "a number below 1", instead: str = "1"
) -> dict[str, int]:
    """How many stages lie above each parameter of a network: 0 for those of the last one and whatever comes after it.

    A stage is one of `encoder.feature_info`, such as a block of a transformer, with what lies between it and the one
    before; what comes before the first of them, such as patches, tokens and positions, is a stage of its own.

    Args:
        encoder: whose network it is.
        argument: the option that needs it, for the message.
        got: its value.
        instead: what to give in place of that.

    Raises:
        InputError: the stages of the network are not modules of their own.

    >>> from regard.backbones.encoder import make_encoder
    >>> found = stages_above(make_encoder("convnet4"))
    >>> found["blocks.0.0.weight"], found["blocks.3.1.bias"]
    (3, 0)
    """
    modules = dict(encoder.network.named_modules())
    stages = [info.module for info in encoder.feature_info]
    if not stages or any(stage not in modules for stage in stages):
        raise bad(argument, got, f"{instead}: the stages of {encoder.name} are not modules of their own")
    places = {name: place for place, name in enumerate(modules)}
    ends = [max(places[one] for one in places if one == stage or one.startswith(stage + ".")) for stage in stages]
    first = modules[stages[0]]
    # where the first stage is an activation, what comes before is that stage
    begin = places[stages[0]] if next(first.parameters(), None) is not None else 0
    found = {}
    for name, _ in encoder.network.named_parameters():
        place = places[name.rpartition(".")[0]]
        stage = sum(end < place for end in ends) if place >= begin else -1
        found[name] = max(len(stages) - 1 - stage, 0)
    return found
