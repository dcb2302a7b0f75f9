"""One task is learned: one training on the one loop, in a folder of its own, from where the task before ended.

A task that was killed goes on from its checkpoint to the same bits; a stream goes on from the last folder that is done.
Nothing but the folder of the task before says what came earlier.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...core.checks import bad, check_number
from ...core.discover import load
from ...core.events import Event
from ...core.records import whole
from ...core.storage import hash_json
from ...data.imageset import ImageSet
from ...learning.method_settings import typed_settings
from ...learning.run import Run, Watch, watched
from ...learning.settings import TrainSettings, completed
from ...representation.representation import Representation
from ...reuse.pairs import readable, show_symbols
from .contract import LearnMethod
from .learned import KEPT, MEMORY, Learned
from .remembering import Remembering
from .start import length_of, module_of, started
from .training import trained

NEEDED = {"steps": whole(), "classes": whole(1)}


def task_folder(out: str | Path, number: int) -> Path:
    """Where a stream's task is learned: `OUT/tasks/NN`.

    >>> task_folder("run", 3).as_posix()
    'run/tasks/03'
    """
    return Path(out) / "tasks" / f"{number:02d}"


def learn_task(
    train: ImageSet,
    before: Learned | Representation | str | Path,
    method: str,
    *,
    out: str | Path,
    watch: Watch | None = None,
    **options: Any,
) -> Learned:
    """Learn a task after others, and return what is known then; see `learn_task_events` for the arguments."""
    watched(learn_task_events(train, before, method, out=out, **options), watch)
    return Learned.load(out)


def learn_task_events(
    train: ImageSet,
    before: Learned | Representation | str | Path,
    method: str,
    *,
    out: str | Path,
    chosen: Mapping[str, Any] | None = None,
    classes: Iterable[str] | None = None,
    layers: str = "all",
    backbone_lr_factor: float = 0.1,
    recipe: str = "auto",
    settings: TrainSettings | None = None,
    resume: bool = True,
) -> Iterator[Event]:
    """Learn a task, and yield what happens; the last event is `done`. Called again on the same folder it goes on.

    Args:
        train: labelled images of the task. One image is enough; so is one class, which teaches little by itself.
        before: the representation that the first task starts from, by name or folder; later the folder of the task
            before, or what `Learned.load` gave. It is not changed.
        method: of the kind `learn`.
        out: a new or empty folder, or that of the same task.
        chosen: the method's settings.
        classes: of the task, in the order that new ones are numbered in; None: those of `train`, sorted. Old classes
            may come back.
        layers: what of the network learns: `all`, `head`, `last:N` or `lora:R`.
        backbone_lr_factor: at what share of the classifier's rate.
        recipe: views of the images: photo | digit | none | auto by the images.
        settings: length, rate, seed ...; what is left open: batches of 64 (fewer where there are fewer images) beside
            as many from the memory, and 20 epochs of the task, but at least 200 steps.
        resume: False starts the task anew.

    Raises:
        InputError: no labels, a label that is not among the classes, another method or other settings of it than in
            the task before, a method that ties weights with LoRA, or `out` holds something else.
        RunError: the training went wrong (NaN).
    """
    check_number("--backbone-lr-factor", backbone_lr_factor, 0, 1, open_low=True)
    kind = load("learn", method)
    made: LearnMethod = kind(**typed_settings(kind, chosen))
    start = started(before, made)
    asked = completed(settings or TrainSettings())
    notes: list[str] = []
    train, pictures = readable(train, notes)
    labels = train.need_labels("TRAIN", 1).astype(str)
    of_task = tuple(dict.fromkeys(map(str, train.classes if classes is None else classes)))
    strange = sorted(set(labels.tolist()) - set(of_task))
    if strange:
        raise bad("classes", f"a label {strange[0]!r} that is not among them", f"the classes of {train.name}")
    known = (*start.classes, *(name for name in of_task if name not in start.classes))
    part = made.layers(start.number, layers) if made.trains(start.number) else "all"
    if made.weighs and part.partition(":")[0] == "lora":
        raise bad("--layers", repr(part), f"all, head or last:N with {method}, which ties weights to what they were")
    content = hash_json(sorted(zip(pictures.tolist(), labels.tolist())))
    length = length_of(asked, len(train))
    arguments = {
        "from": start.representation.fingerprint,
        "before": "" if start.before is None else start.before.mark,
        "method": method,
        **{f"set {name}": value for name, value in made.__dict__.items()},
        "classes": list(known),
        "here": list(of_task),
        "layers": layers,
        "backbone_lr_factor": backbone_lr_factor,
        "recipe": recipe,
        **length.recipe(),
        "images": content,
    }
    results = (KEPT, MEMORY) if made.rule else (KEPT,)
    run = Run.open(out, arguments, resume, results)
    if ended := run.finished(NEEDED):
        yield ended
        return
    if recipe == "auto":
        recipe = "digit" if show_symbols(train) else "photo"
    places = tuple(sorted(known.index(name) for name in of_task))
    objective = Remembering(made, recipe, known, len(start.classes), places)  # type: ignore[arg-type]
    module = module_of(objective, start, part, backbone_lr_factor, asked.seed)
    yield from run.logged(trained(run, module, start, train, pictures, method, length, notes))
