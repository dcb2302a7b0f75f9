"""Twenty years of recognition on one's own pictures: from bag of words to ResNet, under one budget.

Every network learns the labels of TRAIN from first weights, with as many steps, the same batches, views, optimiser and
seeds; its learning rate is chosen from the same few by short runs on a part of TRAIN, since one that suits a network
with normalisation can be too high for one without, and that would be no history. The classic pipeline fits its
vocabulary on TRAIN, and a linear classifier learns on its vectors. All are asked about the same pictures of TEST, by
which nothing is chosen. Beside the line stand two references that are no part of the order: a linear classifier on the
last network with random weights, and on the bundled `imagenet`.

What is said: each accuracy with its interval over pictures and seeds, each representation against the one before it in
the published order (`gain`, `loss`, `no gain`), Spearman's correlation with that order, and which pairs these pictures
reverse. Everything lies in one folder: `history.json`, `rates/`, `runs/` (of `create`), `cells/`. The same call goes on
where it was stopped; with more seeds or networks only what is new is done.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from ..core.checks import RunError, check_choice, check_number
from ..core.events import Event
from ..core.leftovers import clear
from ..core.records import read_record
from ..core.runtime import pick_device, threads
from ..core.storage import new_folder, write_json
from ..core.values import group_codes
from ..learning.checkpoint import refuse_other
from ..reuse.pairs import open_pair
from .experiment import Arm, Experiment
from .history_cells import Cell, Job, chosen_rate, work
from .history_found import MAIN, Facts, History
from .history_plan import BATCH, IMAGENET, RATES, REFERENCES, STEPS, Plan, checked_networks, settled_precision, side_for
from .history_years import SCALED, asked_rows

FILE = "history.json"
Watch = Callable[[Iterable[Event]], Iterable[Event]]


def run_history(
    train: Any,
    test: Any = None,
    *,
    out: str | Path,
    networks: str = SCALED,
    classic: bool = True,
    references: Sequence[str] = REFERENCES,
    seeds: int = 3,
    steps: int | None = None,
    minutes: float | None = None,
    batch: int = BATCH,
    rates: Sequence[float] = RATES,
    size: int | None = None,
    precision: str = "auto",
    workers: int = 1,
    device: str = "auto",
    seed: int = 0,
    watch: Watch | None = None,
) -> History:
    """Run the line, or go on with it.

    Args:
        train: labelled pictures to learn from.
        test: labelled pictures to be asked about; None: the part test of `train`, or a quarter, held out by identity
            where that is known.
        out: a new or empty folder, or that of the same study.
        networks: scaled | published | all, or names with commas between them.
        classic: with bag of words and Fisher vectors.
        references: some of `random` and `imagenet`.
        seeds: how often everything is done; from one nothing can be told.
        steps: of each network; None: 600.
        minutes: of each network on this machine, in place of steps; figures then differ from run to run.
        batch: pictures a step.
        rates: highest learning rates to choose from, for each network by short runs on a tenth of TRAIN.
        size: side of the pictures in pixels; None: from the pictures.
        precision: auto | fp32 | bf16, of all trainings; auto is bf16 where the machine has it.
        workers: processes beside one another, each with its share of the processors.
        device: auto | cpu | cuda | cuda:N | mps.
        seed: the first.
        watch: wraps the stream of events.

    Raises:
        InputError: no labels, one class, a picture in both sets, unknown names, a size that a network does not take,
            or `out` holds another study.
        RunError: no representation came to its end.
    """
    began = monotonic()
    for name in references:
        check_choice("references", name, REFERENCES)
    check_number("--workers", workers, 1, 64, whole=True)
    rows, where = asked_rows(networks, classic), pick_device(device)
    if steps is None and minutes is None:
        steps = STEPS
    if size is not None:
        check_number("--size", size, 8, 4096, whole=True)
    of = (tuple(rows), tuple(references), seeds, seed, steps, minutes, batch, tuple(rates), size or 0)
    plan = Plan(*of, settled_precision(precision, where), where)
    if size is not None:
        checked_networks(plan)
    known, notes, content = open_pair(train, test, seed)
    if size is None:
        plan = replace(plan, size=side_for(known.train))
        checked_networks(plan)
    folder = new_folder("--out", Path(out), marker=FILE)
    clear(folder)
    about = {"content": content, **plan.budget}
    if (folder / FILE).exists():
        refuse_other("--out", folder, read_record(folder / FILE, {}), about)
    write_json(folder / FILE, about)
    cells: dict[str, list[Cell]] = {}
    failed: dict[str, str] = {}
    events = _events(folder, plan, known, workers, cells, failed)
    for _ in watch(events) if watch else events:
        pass
    if not any(row.name in cells for row in rows):
        raise RunError(f"no representation came to its end: {'; '.join(f'{k}: {v}' for k, v in failed.items())}")
    return _found(folder, plan, known, cells, failed, notes, monotonic() - began)


def _events(
    folder: Path,
    plan: Plan,
    known: Any,
    workers: int,
    cells: dict[str, list[Cell]],
    failed: dict[str, str],
) -> Iterator[Event]:
    """Rates, then cells; an event for each that is done."""
    job = Job(folder, plan, known, "", None)
    rates = [replace(job, name=name) for name in plan.networks] if len(plan.rates) > 1 else []
    jobs = [replace(job, name=name, seed=seed) for name in plan.names for seed in plan.seeds_of(name)]
    total, done = len(rates) + len(jobs), 0
    budget = f"{plan.steps} steps" if plan.steps is not None else f"{plan.minutes:g} minutes"
    yield Event("history", 0, total, {}, f"{len(plan.networks)} networks of {budget} each, {plan.seeds} seeds")
    for several in (rates, jobs):
        for one, why in _worked([one for one in several if one.name not in failed], workers):
            done += 1
            said = one.told
            if why:
                failed.setdefault(one.name, why)
                said += f" did not end: {why}"
            elif one.seed is not None:
                cell = Cell.read(one.file)
                said += f": {100 * cell.right.mean():.1f} % right, {cell.seconds:.0f} s"
            yield Event("history", done, total, {}, said)
    for name in plan.names:
        if name not in failed:
            cells[name] = [Cell.read(replace(job, name=name, seed=one).file) for one in plan.seeds_of(name)]
    yield Event("done", total, total)


def _worked(jobs: Sequence[Job], workers: int) -> Iterator[tuple[Job, str]]:
    """Do what is not done yet, here or in processes beside one another."""
    new = [job for job in jobs if not job.file.is_file()]
    yield from ((job, "") for job in jobs if job.file.is_file())
    if workers == 1 or len(new) < 2:
        yield from ((job, work(job)) for job in new)
        return
    share = max(1, threads() // workers)
    with ProcessPoolExecutor(workers, get_context("spawn"), _share_processors, (share,)) as pool:
        # the later, the deeper and the slower: these first, so that none is left alone at the end
        waiting = {pool.submit(work, job): job for job in reversed(new)}
        for one in as_completed(waiting):
            yield waiting[one], one.result()


def _share_processors(count: int) -> None:
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(count)
    threadpool_limits(count)


def _found(
    folder: Path,
    plan: Plan,
    known: Any,
    cells: dict[str, list[Cell]],
    failed: dict[str, str],
    notes: list[str],
    seconds: float,
) -> History:
    labels, truth = known.train.need_labels("TRAIN"), known.held_out.need_labels("TEST", 1)
    column = known.held_out.columns.get("identity")
    titles = {row.name: row.title for row in plan.rows}
    arms, facts = {}, {}
    for name, of_name in cells.items():
        rate = chosen_rate(folder, plan, name) if name in plan.networks else None
        facts[name] = Facts.of(of_name, rate)
        right = np.stack([one.right for one in of_name])
        scores = {MAIN: right[0] if name == IMAGENET and plan.seeds > 1 else right}  # weights that nothing draws
        arms[name] = Arm(name, scores, titles.get(name, name), facts[name].seconds, facts[name].peak_mib)
    units = None if column is None else group_codes(column, "identity")
    common, counts = np.unique(labels, return_counts=True)
    about = {
        "train_set": known.train.name,
        "test_set": known.held_out.name,
        "pictures": {"train": len(labels), "test": len(truth)},
        "classes": len(common),
        **{key: value for key, value in plan.budget.items() if key != "first seed"},
        "seeds": list(plan.turns),
        "device": plan.device,
    }
    return History(
        Experiment(arms, units, titles={MAIN: MAIN}),
        tuple(row for row in plan.rows if row.name in cells),
        tuple(name for name in plan.references if name in cells),
        facts,
        float(np.mean(truth == common[counts.argmax()])),
        failed,
        about,
        tuple(dict.fromkeys(notes)),
        seconds,
    )
