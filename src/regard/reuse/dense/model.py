"""A network that was trained for a dense task, read from its run's folder, and what it finds in pictures."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ...backbones.modes import evaluating
from ...core.checks import InputError, bad, check_number
from ...core.runtime import kept_memory
from ...core.storage import load_tensors
from ...data.decode import DecodeError, decode, read, upright_size
from ...data.imageset import ImageSet
from ...learning.run import HEAD
from ...representation import checksums
from ...representation.folder_records import read_card
from ...representation.representation import Representation
from .anchors import Anchors
from .answer import ANSWERS, SPACE, Answer
from .camera import NONE, Camera
from .frame import Framed, colour_bytes
from .given_boxes import Proposals
from .objective import Dense, OnPyramid
from .selective_search import Searched, search_of
from .stages import Staged

T = TypeVar("T")

Shown = (
    tuple[Framed, Tensor, Any] | str
)  # how a picture lies in its square, that, what `find` is given of it; or a cause
Run = Callable[[Tensor], Any]  # squares (N, 3, S, S) in [0, 1] to what a head's `predict` gives; `Staged` is one
NO_RUN = "a folder of a dense task, as a training writes it"


@dataclass(frozen=True)
class DenseModel:
    """A network with its head.

    Attributes:
        objective: the task: what, head, size, classes.
        encoder: the network.
        head: on its pyramid.
        proposals: what proposes boxes to a head that is given them; None: the objective's search.
        runner: who runs the network and the head, from `fast.runner_for`; None: torch.
        camera: of pictures of which none is known, for boxes in space; None: such pictures are told of as failed.
    """

    objective: Dense
    encoder: nn.Module
    head: OnPyramid
    proposals: Proposals | None = None
    runner: Run | None = None
    camera: Camera | None = None

    @staticmethod
    def load(folder: str | Path, proposals: Proposals | None = None) -> "DenseModel":
        """Read a finished run; `proposals` as the class has them.

        Raises:
            InputError: a folder of something else, or a file that is not as the card's checksum says.
        """
        folder = Path(folder)
        start = Representation.load(folder)
        card = read_card(folder)
        objective = objective_of(card.get("task"), str(folder))
        kept = card.get("head")
        if not isinstance(kept, dict) or checksums.checksum(folder / HEAD) != kept.get("checksum"):
            raise bad(str(folder / HEAD), "another checksum than the card's", "the file that the training wrote")
        encoder: Any = start.encoder
        head = objective.head(encoder)
        tensors = load_tensors(folder / HEAD)
        own = head.state_dict()
        if {k: v.shape for k, v in tensors.items()} != {k: v.shape for k, v in own.items()}:
            raise bad(str(folder / HEAD), "weights of another head", f"those of {objective.kind}")
        head.load_state_dict(tensors)
        return DenseModel(objective, encoder.eval(), head.eval(), proposals)

    @torch.no_grad()
    def find(
        self,
        images_NCHW: Tensor,
        framed: Sequence[Framed],
        rows: Sequence[int],
        given: Sequence[Any] = (),
    ) -> list[Answer]:
        """What is in each of N squares in [0, 1], told in the pixels of the pictures that they show.

        `given` are proposals in the squares, for a head that is given them; where there are none they are searched.
        For boxes in space they are the pictures' cameras.
        """
        if self.objective.what == SPACE:
            return self._space(images_NCHW, framed, rows, given)
        with evaluating(self.encoder), evaluating(self.head):
            inner: Any = self.head.inner
            more: tuple[list[Tensor], ...] = ()
            if self.objective.search is not None:
                squares = (images_NCHW * 255).round().to(torch.uint8).cpu()
                known = given or [None] * len(framed)
                search = Searched(self.objective.search)
                boxes = zip(known, framed, squares)
                more = ([search.of("", one, at) if own is None else own for own, one, at in boxes],)
            if self.runner is not None:
                found = self.runner(images_NCHW)
            else:
                found = inner.predict(self.head.levels(images_NCHW), int(images_NCHW.shape[2]), *more)
        return ANSWERS[self.objective.what](found, framed, rows)

    def begin(
        self, images_NCHW: Tensor, framed: Sequence[Framed], rows: Sequence[int], given: Sequence[Any] = ()
    ) -> Callable[[], list[Answer]]:
        """Start to look, where a runner can do that while other things are done; what comes back gives `find`'s."""
        runner, size = self.runner, int(images_NCHW.shape[2])
        if not isinstance(runner, Staged) or self.objective.what == SPACE:
            return partial(self.find, images_NCHW, framed, rows, given)
        said = runner.begin(images_NCHW)
        return lambda: ANSWERS[self.objective.what](runner.chosen(said(), size), framed, rows)

    def _space(
        self, images_NCHW: Tensor, framed: Sequence[Framed], rows: Sequence[int], given: Sequence[Camera]
    ) -> list[Answer]:
        """Boxes in space, as `find`, moved from where the camera has its origin to where the labels have theirs."""
        with evaluating(self.encoder), evaluating(self.head):
            inner: Any = self.head.inner
            cameras = torch.stack([own.in_square(one) for own, one in zip(given, framed, strict=True)])
            found = inner.predict(
                self.head.levels(images_NCHW), int(images_NCHW.shape[2]), cameras.to(images_NCHW.device)
            )
        answers = []
        for answer, own in zip(ANSWERS[SPACE](found, framed, rows), given):
            assert answer.space is not None
            beside = answer.space.new_tensor([*own.beside, 0, 0, 0, 0])
            answers.append(replace(answer, space=answer.space - beside, camera=own))
        return answers

    def predict(self, images: ImageSet, *, batch: int = 8, failed: dict[str, str] | None = None) -> Iterator[Answer]:
        """What is in each picture, in order; those that cannot be read are left out and named in `failed`.

        Args:
            images: any.
            batch: pictures a call of the network.
            failed: filled with names and causes.
        """
        check_number("batch", batch, 1, whole=True)
        with kept_memory():
            for found in one_ahead(self.begun(images, batch, failed)):
                yield from found()

    def begun(
        self, images: ImageSet, batch: int, failed: dict[str, str] | None = None
    ) -> Iterator[Callable[[], list[Answer]]]:
        """Batch by batch, as `predict` has them, a look that has begun, see `begin`."""
        device = next(self.encoder.parameters()).device
        with ThreadPoolExecutor(images.readers) as pool:

            def reading(start: int) -> list[tuple[int, Future[Shown]]]:
                return [(row, pool.submit(self._one, images, row)) for row in range(len(images))[start : start + batch]]

            following = reading(0)
            for start in range(batch, len(images) + batch, batch):
                waited, following = following, reading(start)  # while these are looked at the next ones are read
                shown = [(row, one.result()) for row, one in waited]
                if failed is not None:
                    failed |= {images.called(row): one for row, one in shown if isinstance(one, str)}
                good = [(row, *one) for row, one in shown if not isinstance(one, str)]
                if good:
                    x = torch.stack([pixels for _, _, pixels, _ in good]).to(device).float() / 255
                    rows_there, framed, _, given = zip(*good)
                    yield self.begin(x, framed, rows_there, given)

    def _one(self, images: ImageSet, row: int) -> Shown:
        """How a picture lies in its square, that, and what `find` is given of it; or why it cannot be used."""
        size = self.objective.size
        try:
            content = read(images.items[row])
            width, height = upright_size(content)
            framed = Framed(height, width, size)
            square = framed.picture(decode(content, size), colour_bytes(list(self.objective.colour)))
            if self.objective.what == SPACE:
                carried = None if images.annotations is None else images.annotations[row]
                if carried is None or (carried.seen_by is None and self.camera is not None):
                    if self.camera is None:
                        raise InputError(NONE)
                    return framed, square, self.camera
                return framed, square, Camera.of(carried)
            search = self.objective.search
            source = self.proposals or (None if search is None else Searched(search))
            return framed, square, source and source.of(str(images.ids[row]), framed, square)
        except (DecodeError, InputError) as error:
            return str(error)


def one_ahead(made: Iterator[T]) -> Iterator[T]:
    """The same in order, each after the next one was made.

    >>> list(one_ahead(iter("abc")))
    ['a', 'b', 'c']
    """
    waiting: list[T] = []
    for one in made:
        waiting.append(one)
        if len(waiting) > 1:
            yield waiting.pop(0)
    yield from waiting


def objective_of(task: Any, folder: str) -> Dense:
    """The task as a card tells it.

    Raises:
        InputError: a card of something else.
    """
    try:
        given = dict(task)
        if given.pop("name") != "dense":
            raise ValueError
        anchors = given.pop("anchors")
        given["names"], given["colour"] = tuple(map(str, given["names"])), tuple(map(float, given["colour"]))
        if anchors is not None:
            anchors = Anchors(tuple(map(tuple, anchors["sizes"])), tuple(anchors["ratios"]))
        given["statistics"] = {name: tuple(map(float, one)) for name, one in given.get("statistics", {}).items()}
        return Dense(**given | {"search": search_of(given.get("search"))}, anchors=anchors)
    except (TypeError, ValueError, LookupError) as error:
        raise bad("folder", folder, NO_RUN, f"{type(error).__name__} in its card's `task`.") from error
