"""Small streams to play: three classes of squares of 8 pixels, cut into tasks, and scenes of 32 pixels to segment."""

from dataclasses import replace
from typing import Any

import numpy as np

from helpers.adapting import pictures
from helpers.learning_tasks import OPTIONS
from regard.data.scenes import scenes
from regard.data.streams.stream import Stream
from regard.data.streams.task import Task

MIXED: dict[str, Any] = {**OPTIONS, "size": 32, "probe_steps": 3}


def cut(name: str, kind: str, *classes: str, **more: Any) -> Task:
    """A task of some classes of pictures: 30 to learn from, 15 others to be scored on."""
    every = pictures(45, "p")
    train, test = every.subset(np.arange(30)), every.subset(np.arange(30, 45))
    parts = (one.subset(np.isin(one.labels, classes)) for one in (train, test))
    return Task(name, kind, *parts, part="p", **more)


def stream(*more: Task) -> Stream:
    """Classes a and b, then c, then whatever else."""
    return Stream("s", (cut("ab", "classify", "a", "b"), cut("c", "classify", "c"), *more))


def segmenting(name: str = "scenes", **more: Any) -> Task:
    """Six scenes to learn from, four to be scored on."""
    return Task(name, "segment", scenes(6, 32, family="a"), scenes(4, 32, family="b"), **more)


def mixed(*more: Task) -> Stream:
    """Classify, retrieve without labels, segment."""
    again = cut("r", "retrieve", "a", "b", labelled=False)
    parts = {
        side: replace(getattr(again, side), ids=np.char.add("r-", getattr(again, side).ids.astype(str)))
        for side in ("train", "test")
    }
    other = Task("r", "retrieve", **parts, labelled=False)
    return Stream("m", (cut("ab", "classify", "a", "b"), other, segmenting(), *more))
