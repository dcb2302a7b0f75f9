"""The public names, and how they are called, change on purpose only.

After such a change:  python tests/test_api_surface.py --write
"""

import inspect
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import regard

KEPT = Path(__file__).with_name("api_surface.json")
# what the documentation uses beside the names of `regard` itself
MORE = (
    "regard.adapt.contract.ShallowAdapter",
    "regard.adapt.labels.UNKNOWN",
    "regard.adapt.worth.run.compare",
    "regard.core.events.Event",
    "regard.learning.loop.TrainSettings",
    "regard.lifelong.frozen._common.Learner",
    "regard.lifelong.learner_files.learner",
    "regard.lifelong.learner_files.load_learner",
    "regard.lifelong.learner_files.save_learner",
    "regard.lifelong.memory.Memory",
    "regard.create.run.train_events",
    "regard.data.builtin.builtin",
    "regard.data.imageset.ImageSet",
    "regard.data.sampling.few_shot",
    "regard.data.sampling.split",
    "regard.data.streams.described.open_stream",
    "regard.data.streams.part.Part",
    "regard.data.streams.stream.Stream",
    "regard.data.streams.task.Task",
    "regard.lifelong.moving.learned.Learned",
    "regard.lifelong.moving.task.learn_task",
    "regard.lifelong.unlabelled.task.learn_unlabelled",
    "regard.lifelong.play.Played",
    "regard.lifelong.play.play",
    "regard.metrics.continual.summary",
    "regard.metrics.contrast.contrast",
    "regard.metrics.intervals.accuracy_interval",
    "regard.reuse.finetune.classify",
    "regard.reuse.finetune.finetune_events",
    "regard.studies.experiment.Arm",
    "regard.studies.experiment.Experiment",
)


def surface() -> dict[str, Any]:
    """Each public name with its signature, and for a class its public methods with theirs."""
    found = {f"regard.{name}": getattr(regard, name) for name in regard.__all__}
    for path in MORE:
        module, _, name = path.rpartition(".")
        found[path] = getattr(import_module(module), name)
    return {path: told(thing) for path, thing in sorted(found.items())}


def told(thing: Any) -> Any:
    """A function's signature; a class's, with its methods'; of an object its methods'."""
    if not inspect.isclass(thing):
        return signature(thing) if callable(thing) else methods(thing, type(thing))
    if issubclass(thing, Exception):
        return " < ".join(base.__name__ for base in thing.__mro__[:2])
    return {"": signature(thing), **methods(thing, thing)}


def methods(thing: Any, of: type) -> dict[str, str]:
    """The signatures of the public methods that a class has of its own."""
    own = [name for name in vars(of) if not name.startswith("_") and callable(getattr(thing, name))]
    own = [name for name in own if not name.endswith("_request")]  # scikit-learn's, which follow from the others
    return {name: signature(getattr(thing, name)) for name in sorted(own)}


def signature(function: Any) -> str:
    """Names, kinds and defaults; annotations are left out, as Python versions write them differently."""
    shown = inspect.signature(function)
    plain = [one.replace(annotation=inspect.Parameter.empty) for one in shown.parameters.values()]
    return str(shown.replace(parameters=plain, return_annotation=inspect.Signature.empty))


def test_the_public_names_are_those_that_were_agreed_on() -> None:
    assert surface() == json.loads(KEPT.read_text()), "on purpose? python tests/test_api_surface.py --write"


def test_every_public_name_is_described() -> None:
    for name in regard.__all__:
        assert getattr(regard, name).__doc__, name


def test_the_package_names_its_public_names_without_importing_them() -> None:
    assert {*regard.__all__, "__version__"} <= set(dir(regard))


if __name__ == "__main__":
    if "--write" in sys.argv:
        KEPT.write_text(json.dumps(surface(), indent=1, sort_keys=True) + "\n")
    else:
        print(json.dumps(surface(), indent=1))
