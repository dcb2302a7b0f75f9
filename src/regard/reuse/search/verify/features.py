"""RootSIFT: points that are found again after a turn, a zoom or new light, with 128 numbers about each one's place.

Lowe 2004, Distinctive image features from scale-invariant keypoints (IJCV 60). Arandjelovic & Zisserman 2012, Three
things everyone should know to improve object retrieval (CVPR): the square root of the descriptor that sums to 1, so
that Euclidean distance compares two histograms as the Hellinger kernel does.

What differs from the papers: descriptors are kept as whole numbers of 8 bits; the contrast threshold is a quarter of
OpenCV's, as the strongest points alone are kept anyway, so that pale pictures (the moon, cells) have points, too.
"""

from dataclasses import dataclass

import numpy as np

from ....core.checks import bad, check_number
from ....data.pixels import Image, pixels

SCALE = 512  # of descriptors as bytes; a component of a RootSIFT vector of length 1 hardly ever reaches 255 / 512
SMALL = 320  # pictures whose longer side is shorter than this are enlarged to it ...
ENLARGED = 4  # ... but no more than so many times
_CONTRAST = 0.01


@dataclass(frozen=True)
class Features:
    """The local features of one image.

    Attributes:
        keypoints: (k, 4) float32: x and y (the centre of the first pixel is (0, 0)), scale (diameter) in pixels of the
            image as it was given, angle in degrees; strongest first.
        descriptors: (k, 128) uint8: round(512 sqrt(SIFT / sum of SIFT)).
        width: of the image in pixels.
        height: of the image in pixels.
        pixel: how long a pixel was, in those of the image, when points were looked for: below 1 where it was enlarged.
        mirror: the features of the mirrored picture, x counted in the image as it is, angles in the mirrored one; None
            where not asked for.
    """

    keypoints: np.ndarray
    descriptors: np.ndarray
    width: int
    height: int
    pixel: float = 1.0
    mirror: "Features | None" = None

    def __len__(self) -> int:
        return len(self.keypoints)

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, about 144 KB for 1,000 points."""
        own = self.keypoints.nbytes + self.descriptors.nbytes
        return own + (0 if self.mirror is None else self.mirror.nbytes)


def extract(image: Image, side: int = 1024, limit: int = 1000, mirror: bool = False) -> Features:
    """Find the strongest points of an image and describe each.

    Args:
        image: a path, the bytes of a file, or an array as `core.images.as_rgb` takes it.
        side: a picture whose longer side is longer is reduced to it first; small ones are enlarged (to 320 pixels, at
            most four times).
        limit: how many points at most; an image without structure has none.
        mirror: describe the mirrored picture, too: SIFT does not find a mirrored point again.

    Returns:
        The features; about 50 ms for a picture of 640 x 480.

    Raises:
        InputError: not an image array, or settings out of range.
        DecodeError: a file that cannot be read.
    """
    check_number("side", side, 16, whole=True)
    check_number("limit", limit, 1, whole=True)
    rgb_HWC = pixels(image)
    found = _extract(rgb_HWC, side, limit)
    if not mirror:
        return found
    twin = _extract(np.ascontiguousarray(rgb_HWC[:, ::-1]), side, limit)
    twin.keypoints[:, 0] = found.width - 1 - twin.keypoints[:, 0]
    return Features(found.keypoints, found.descriptors, found.width, found.height, found.pixel, twin)


def mirrored(features: Features) -> Features:
    """The features of the mirrored picture, which were made from it; raises where `extract` was not asked for them."""
    if features.mirror is None:
        raise bad("features", "features without a mirror", "those of extract(image, mirror=True)")
    return features.mirror


def root_sift(sift_KD: np.ndarray) -> np.ndarray:
    """Square root of each row divided by its sum, as bytes times 512; a row of zeros stays one.

    >>> root_sift(np.array([[3.0, 1.0, 0.0, 12.0]], np.float32))     # 512 sqrt(3/16), ..., clipped at 255
    array([[222, 128,   0, 255]], dtype=uint8)
    """
    total = sift_KD.sum(axis=1, keepdims=True)
    root = np.sqrt(sift_KD / np.where(total > 0, total, 1))
    return np.minimum(np.rint(root * SCALE), 255).astype(np.uint8)


def _extract(rgb_HWC: np.ndarray, side: int, limit: int) -> Features:
    import cv2

    grey = cv2.cvtColor(rgb_HWC, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    longer = max(height, width)
    zoom = side / longer if longer > side else max(1.0, min(SMALL / longer, ENLARGED, side / longer))
    if zoom != 1:
        size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC)
    # precise upscaling: without it every point lies a quarter of a pixel off
    sift = cv2.SIFT.create(limit, 3, _CONTRAST, 10, 1.6, enable_precise_upscale=True)
    points, described = sift.detectAndCompute(grey, None)
    if not points:
        return Features(np.zeros((0, 4), np.float32), np.zeros((0, 128), np.uint8), width, height, 1 / zoom)
    # OpenCV may give one more than asked for, and in no order of strength
    order = np.argsort([-point.response for point in points], kind="stable")[:limit]
    keypoints = np.array([(*points[i].pt, points[i].size, points[i].angle) for i in order], np.float32)
    ratio = np.array([width / grey.shape[1], height / grey.shape[0]], np.float32)
    keypoints[:, :2] = (keypoints[:, :2] + 0.5) * ratio - 0.5
    keypoints[:, 2] /= zoom
    return Features(keypoints, root_sift(described[order]), width, height, 1 / zoom)
