"""What a folder is by its name: a part of the data set, masks beside photographs, or what programs left there."""

import re

_NUMBER_OR_KIND = r"(?:[ _.-]?(?:set|data|dataset|split|images?|imgs?|photos?|\d{1,4}(?:-dev)?))*"
_PARTS = {
    "train": re.compile(rf"(?:seg_|images?_)?(?:train|training){_NUMBER_OR_KIND}"),
    "test": re.compile(rf"(?:seg_|images?_)?(?:test|testing){_NUMBER_OR_KIND}"),
    "val": re.compile(rf"(?:seg_|images?_)?(?:val|valid|validation|dev|devel|development){_NUMBER_OR_KIND}"),
}

# thumbnails and copies that file servers, cameras and programs keep beside the photographs; never the user's classes
_LEFT_BY_PROGRAMS = frozenset(
    "@eadir @recycle @recently-snapshot #recycle #snapshot $recycle.bin recycler __macosx __pycache__ thumbs.db "
    "lost+found picasaoriginals lightroom previews.lrdata".split()
) | {"system volume information", "desktop folder"}

PHOTOGRAPHS = frozenset("jpegimages images image imgs img photos leftimg8bit rgb".split())
_OF_PART = r"(?:(?:train|training|test|testing|val|valid|validation|dev)[ _-]?)?"
# by these names alone a folder holds no photographs
_SURELY_MASKS = re.compile(r"segmentation(?:class|object).*|gt(?:fine|coarse)\w*|(?:label|instance)ids")
# by these it may: a class may be called labels
_OF = r"(?:image|object|instance|semantic|segmentation|pixel|colou?r|seg|gt|label|class)[ _-]?"
_MASKS = re.compile(
    rf"{_OF_PART}(?:(?:{_OF})?(?:masks|labels|annotations?|gts?|ground[ _-]?truths?)|{_OF}maps|trimaps)"
    r"(?:[ _-]?(?:png|jpe?g|colou?r|raw|\d+))*|annotated|visuali[sz]ations?"
)
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
    return name.lower() in _LEFT_BY_PROGRAMS


def holds_photographs(name: str) -> bool:
    """Whether a folder is called as data sets call the one with the photographs: JPEGImages, images, leftImg8bit."""
    return name.lower() in PHOTOGRAPHS


def holds_masks(name: str, *, surely: bool = False) -> bool:
    """Whether a folder is called as data sets call masks or other annotations; `surely`, as nobody calls a class.

    >>> [holds_masks(name) for name in ("SegmentationClassPNG", "labels", "gtFine", "mask", "with_mask", "gtr")]
    [True, True, True, False, False, False]
    >>> holds_masks("gtFine_trainvaltest", surely=True), holds_masks("labels", surely=True)
    (True, False)
    """
    return any(form.fullmatch(name.lower()) for form in (_SURELY_MASKS, _MASKS)[: 1 if surely else 2])


def photograph_of(stem: str) -> str | None:
    """The stem of the photograph that a file is the mask of, by its name: `a` for `a_mask`; else None."""
    found = _MASK_FILE.fullmatch(stem)
    found = found or _MASK_FILE.fullmatch(stem.lower())
    return None if found is None else stem[: len(found[1])]
