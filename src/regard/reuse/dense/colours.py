"""A colour for each class, and ink that is read on it."""

import colorsys

Colour = tuple[int, int, int]

# Okabe & Ito's, which stay apart for colour-blind readers too, then the rest of Paul Tol's muted scheme
_FIRST = "0072b2 d55e00 009e73 cc79a7 e69f00 56b4e9 f0e442 882255 332288 999933 aa4499 117733 ddcc77 44aa99".split()
_TURN = 0.61803398875  # golden: further hues fall where there is most room
LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3


def class_colour(place: int) -> Colour:
    """The colour of the class at this place; after fourteen of them hues and lightness alternate.

    >>> class_colour(0)
    (0, 114, 178)
    """
    if place < len(_FIRST):
        red, green, blue = bytes.fromhex(_FIRST[place])
        return red, green, blue
    hue = place * _TURN % 1
    light = (0.35, 0.55, 0.75)[place % 3]
    red, green, blue = (round(255 * one) for one in colorsys.hls_to_rgb(hue, light, 0.65))
    return red, green, blue


def ink_on(colour: Colour) -> Colour:
    """Black or white, whichever is read better on it: always with a contrast of 4.5 at least."""
    return (0, 0, 0) if contrast(colour, (0, 0, 0)) >= contrast(colour, (255, 255, 255)) else (255, 255, 255)


def contrast(one: Colour, two: Colour) -> float:
    """WCAG's contrast ratio, from 1 to 21.

    >>> round(contrast((0, 0, 0), (255, 255, 255)))
    21
    """
    light, dark = sorted((_luminance(one), _luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Colour) -> float:
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in (c / 255 for c in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
