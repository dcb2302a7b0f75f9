"""The processes of one run, as torchrun tells them: the one place where its variables are read."""

import os


def rank() -> int:
    """The number of this process among all of the run, from 0."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """How many processes the run has on all machines together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_world_size() -> int:
    """How many of them are on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def machines() -> int:
    """On how many machines they are."""
    return int(os.environ.get("GROUP_WORLD_SIZE", "1"))


def first() -> bool:
    """Whether this process writes files: the only one, or the first of all."""
    return rank() == 0


def wait_for_all() -> None:
    """Return once every process of the run has come here; at once where there is one alone."""
    if world_size() == 1:
        return
    import torch.distributed

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
