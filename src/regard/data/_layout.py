"""What a folder is by its name: a part of the data set, masks beside photographs, or what programs left there."""

import re

_NUMBER_OR_KIND = r"(?:[ _.-]?(?:set|data|dataset|split|images?|imgs?|photos?|\d{1,4}(?:-dev)?))*"
_BEFORE = r"(?:seg_|images?_|bounding_box_)?"
_PARTS = {
    "train": re.compile(rf"{_BEFORE}(?:train|training){_NUMBER_OR_KIND}"),
    "test": re.compile(rf"{_BEFORE}(?:test|testing){_NUMBER_OR_KIND}"),
    "val": re.compile(rf"{_BEFORE}(?:val|valid|validation|dev|devel|development){_NUMBER_OR_KIND}"),
}
# parts that are neither to learn from nor to be scored on, and parts of one domain (trainA): no classes beside parts
_OTHER_PARTS = re.compile(
    rf"{_BEFORE}(?:hold[ _-]?out|held[ _-]?out|un[ _-]?label+ed|un[ _-]?sup(?:ervised)?|query|queries|gallery"
    rf"|distractors?|extra|eval|evaluation|pred|predict|prediction|predictions|inference|submission){_NUMBER_OR_KIND}"
    r"|(?:train|training|test|testing|val|valid|validation|dev)[ _-]?[a-d]"
)

# thumbnails and copies that file servers, cameras and programs keep beside the photographs; never the user's classes
_LEFT_BY_PROGRAMS = frozenset(
    "#recycle #snapshot $recycle.bin recycler __macosx __pycache__ thumbs.db "
    "lost+found picasaoriginals lightroom previews.lrdata thevolumesettingsfolder".split()
) | {"system volume information", "desktop folder", "network trash folder", "temporary items"}

_PHOTOGRAPHS = re.compile(
    r"(?:jpeg)?images?|imgs?|photos?|photographs?|pictures?|leftimg8bit|(?:camera[ _-]?)?rgb|inputs?|originals?|frames?"
    r"|(?:image|img)s?[ _-](?:dir|\d{1,2})"
)
_OF_PART = r"(?:(?:train|training|test|testing|val|valid|validation|dev)[ _-]?)?"
# by these names alone a folder holds no photographs
_SURELY_MASKS = re.compile(r"segmentation(?:class|object).*|gt(?:fine|coarse)\w*|(?:label|instance)ids")
# by these it may: a class may be called labels
_OF = r"(?:image|object|instance|semantic|segmentation|pixel|colou?r|seg|gt|label|class)[ _-]?"
_MASKS = re.compile(
    rf"{_OF_PART}(?:(?:{_OF})?(?:masks|labels|annotations?|gts?|ground[ _-]?truths?)|{_OF}maps|trimaps)"
    r"(?:[ _-]?(?:png|jpe?g|colou?r|raw|\d+))*|annotated|visuali[sz]ations?"
    r"|(?:ann|annotations?|masks?|labels?|seg)[ _-]dir|camera[ _-]?(?:seg|depth)(?:mentation)?"
)
# and by these beside a folder called as photographs are, or with a part before them: image and mask, input and target
_BESIDE_PHOTOGRAPHS = re.compile(
    r"(?:(?:image|object|instance|semantic|segmentation|pixel|colou?r|seg|gt|class)[ _-]?)?"
    r"(?:mask|label|anno?t?|annotation|seg|segs|segmentations?|segmented|target|targets|output|outputs|overlays?"
    r"|semantics?|instances?|panoptic|depths?|disparity|normals?)(?:[ _-]?(?:png|jpe?g|colou?r|rgb|raw|maps?|\d+))*"
)
_PART_BEFORE = re.compile(r"(?:train|training|test|testing|val|valid|validation|dev)[ _-]?")
_MASK_FILE = re.compile(
    r"(.+?)[ _-](?:mask|masks|seg|segmentation|labelids|labeltrainids|instanceids|gt)(?:[ _-]?\d+)?"
)


def part_name(name: str) -> str | None:
    """train, test or val, where a folder or a value of the column `split` is called so; else None.

    >>> [part_name(name) for name in ("Train", "dev", "val2017", "test_images", "training_set", "trainer", "cat")]
    ['train', 'val', 'val', 'test', 'train', None, None]
    """
    return next((part for part, form in _PARTS.items() if form.fullmatch(name.strip().lower())), None)


def left_by_programs(name: str) -> bool:
    """Whether a folder holds what a file server or program keeps for itself: @eaDir, #recycle, __MACOSX ..."""
    return name.startswith("@") or name.strip().lower() in _LEFT_BY_PROGRAMS  # @: what QNAP and Synology keep


def holds_photographs(name: str) -> bool:
    """Whether a folder is called as data sets call the one with the photographs: JPEGImages, images, leftImg8bit."""
    return _PHOTOGRAPHS.fullmatch(name.lower()) is not None


def holds_masks(name: str, *, surely: bool = False) -> bool:
    """Whether a folder is called as data sets call masks or other annotations; `surely`, as nobody calls a class.

    >>> [holds_masks(name) for name in ("SegmentationClassPNG", "labels", "gtFine", "mask", "with_mask", "gtr")]
    [True, True, True, False, False, False]
    >>> holds_masks("gtFine_trainvaltest", surely=True), holds_masks("labels", surely=True)
    (True, False)
    """
    return any(form.fullmatch(name.lower()) for form in (_SURELY_MASKS, _MASKS)[: 1 if surely else 2])


def may_hold_masks(name: str, *, photographs: bool) -> bool:
    """Whether a folder is called as masks are where `photographs` lie beside it, or else where parts of the set do.

    >>> [may_hold_masks(name, photographs=True) for name in ("mask", "target", "CameraSeg", "semantic_rgb", "dog")]
    [True, True, True, True, False]
    >>> [may_hold_masks(name, photographs=False) for name in ("mask", "train_mask", "masks")]
    [False, True, True]
    """
    plain = name.lower()
    before = _PART_BEFORE.match(plain)
    rest = plain if before is None else plain[before.end() :]
    return holds_masks(name) or ((photographs or before is not None) and bool(_BESIDE_PHOTOGRAPHS.fullmatch(rest)))


def other_part(name: str) -> bool:
    """Whether a folder is called like a part of a set that is none of train, test and val: query, unlabeled, trainA.

    >>> [other_part(name) for name in ("holdout", "Gallery", "train_A", "trains", "train", "dog")]
    [True, True, True, False, False, False]
    """
    return _OTHER_PARTS.fullmatch(name.strip().lower()) is not None


def photograph_of(stem: str) -> str | None:
    """The stem of the photograph that a file is the mask of, by its name: `a` for `a_mask`; else None."""
    found = _MASK_FILE.fullmatch(stem)
    found = found or _MASK_FILE.fullmatch(stem.lower())
    return None if found is None else stem[: len(found[1])]
