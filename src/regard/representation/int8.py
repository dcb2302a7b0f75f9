"""`--precision int8`: calibrated on the user's own images, measured against fp32, taken where it is faster.

Which graph was calibrated on what is a name, `int8:NAME`: a hash of the pictures calibrated on. It is a part of the
fingerprint, so that vectors of other calibrations, or of fp32, are never taken for the same. A precision is settled
once (`settle`), and what it was settled as goes on to all that must be embedded alike.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ..core.checks import InputError, RunError, bad, check_choice
from ..core.events import Event
from ..core.runtime import pick_device
from ..core.storage import hash_json
from ..data.imageset import ImageSet
from .agreement import Agreement
from .int8_graph import installed, need_nncf
from .int8_work import RECALL, Work
from .openvino_graph import FLOOR
from .processor import int8_is_the_way
from .runner import PRECISIONS, LayerName

if TYPE_CHECKING:
    from .representation import Representation

Watch = Callable[[Iterable[Event]], Iterable[Event]]
# images from which `auto` thinks of it: calibrating takes as long as embedding some thousands
WORTHWHILE = 5000
GAIN = 0.9  # of the time that it would take otherwise, at most


@dataclass(frozen=True)
class Chosen:
    """A precision that was settled, to embed several sets of images alike.

    Attributes:
        precision: auto, bf16, fp32 (as `make_runner` takes them; auto is never int8) or int8:NAME.
        note: what to tell, or nothing.
        card: what is known of int8 here, or nothing.
    """

    precision: str = "auto"
    note: str = ""
    card: dict[str, Any] | None = None

    @property
    def calibration(self) -> str:
        """The calibration's name; empty where it is not int8."""
        base, _, name = self.precision.partition(":")
        return name if base == "int8" else ""

    def fingerprint(self, of: str) -> str:
        """The fingerprint of vectors in this precision, of a representation with the fingerprint `of`."""
        return hash_json([of, "int8", self.calibration]) if self.calibration else of


def alike(card: Mapping[str, Any], precision: "str | Chosen" = "auto") -> "str | Chosen":
    """The precision for more vectors beside those of a card (of embeddings, or of an index).

    Vectors in int8 are only compared with such of the same calibration: `auto` and `int8` become it. Beside other
    vectors `auto` is not int8.

    Raises:
        InputError: int8 beside vectors that are not.
    """
    theirs = str(card.get("precision") or "")
    if card.get("fingerprint") and not theirs.startswith("int8:") and str(precision).partition(":")[0] == "int8":
        raise bad("--precision", repr(precision), "that of the vectors that are there, which are not int8", "Use auto.")
    if precision in ("auto", "int8") and theirs.startswith("int8:"):
        return Chosen(theirs)
    return Chosen("auto") if precision == "auto" else precision


def made_as(card: Mapping[str, Any], fingerprint: str) -> str:
    """The fingerprint of vectors of a representation where they are made in the precision of a card."""
    return Chosen(str(card.get("precision") or "auto")).fingerprint(fingerprint)


def not_int8(precision: "str | Chosen") -> "str | Chosen":
    """The same, but as `auto` where it is int8: for what is not quantised."""
    base = (precision.precision if isinstance(precision, Chosen) else precision).partition(":")[0]
    return Chosen("auto") if base in ("auto", "int8") else precision


def settle(
    precision: str | Chosen,
    images: ImageSet,
    rep: "Representation",
    *,
    layer: LayerName = None,
    batch: int = 8,
    device: str = "auto",
    seed: int = 0,
    watch: Watch | None = None,
) -> Chosen:
    """Decide on int8 for a set of images; what was found is remembered for the same network and images.

    `int8` is taken where it spares a tenth of the processor's time that a picture takes in the network otherwise (in
    bf16 where the processor has it, else in fp32), and stays with the other where not, with a note. `int8:NAME` is
    taken as told. `auto` thinks of it for 5,000 images or more, where nncf is installed and the processor has VNNI
    without bf16, and takes it where it agrees as bf16 must (smallest cosine at least 0.997, and recall@10 at least
    0.95) and gains.

    Args:
        precision: auto | fp32 | bf16 | int8 | int8:NAME, or what was settled before.
        images: all that are to be embedded; up to 300 calibrate, and up to 300 others measure the agreement. Of fewer
            than 600 half do either; of fewer than 16 all do both.
        rep: what embeds them.
        layer: as in `embed`.
        batch: as in `embed`.
        device: as in `embed`.
        seed: of the draw.
        watch: takes a note where the network is to be calibrated, which takes a while.

    Raises:
        InputError: int8 without nncf, on another device than a CPU, or with fewer than 8 images.
        RunError: nncf or OpenVINO cannot quantise the network.
    """
    if isinstance(precision, Chosen):
        return precision
    base, _, name = precision.partition(":")
    check_choice("--precision", base if base == "int8" else precision, PRECISIONS)
    auto = precision == "auto"
    if auto:
        if not (len(images) >= WORTHWHILE and int8_is_the_way() and installed() and pick_device(device) == "cpu"):
            return Chosen()
    elif base != "int8":
        return Chosen(precision)
    elif pick_device(device) != "cpu":
        raise bad("--precision", f"int8 on {pick_device(device)}", "int8 on a CPU", "Use auto, or --device cpu.")
    work = Work(rep, layer, batch, partial(_told, watch))
    if name:
        return Chosen(precision, card=work.remembered(name.partition("-")[0]))
    if not auto:
        need_nncf()
    try:
        name, card = work.measured(images, seed)
    except (InputError, RunError) as error:
        if not auto:
            raise
        return Chosen(card={"taken": False, "why": str(error)})
    return _decided(name, card, auto)


def _told(watch: Watch | None, text: str) -> None:
    for _ in watch([Event("note", text=text)]) if watch else ():
        pass


def _decided(name: str, card: dict[str, Any], auto: bool) -> Chosen:
    found = Agreement(**card["agreement"])
    gains = card["milliseconds"]["int8"] < GAIN * card["milliseconds"]["other"]
    agrees = found.smallest_cosine >= FLOOR["bf16"] and (found.recall_at_10 or 0) >= RECALL
    share = f", the first {card['fp32_share']:.0%} in fp32" if card["fp32_share"] else ""
    how = f"int8:{name}{share}, calibrated on {card['calibrated_on']} of the images; against fp32: {found}"
    times = "{int8:.2g} ms of the processor an image in the network, {other:.2g}".format(**card["milliseconds"])
    if gains and (agrees or not auto):
        return Chosen(f"int8:{name}", f"{how}; {times} in {card['other']}", card | {"taken": True})
    why = f"departs more than bf16 may ({found})" if auto and not agrees else f"gains nothing here ({times})"
    stays = Chosen(card["other"], card=card | {"taken": False, "why": why})
    if auto:
        return Chosen("auto", card=stays.card)
    more = f"stays in {card['other']}. --precision int8:{name} takes it all the same ({found})"
    return Chosen(stays.precision, f"int8 gains nothing here: {times} in {card['other']}; {more}", stays.card)
