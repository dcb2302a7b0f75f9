"""How far two domains lie apart, and how source samples count in the target."""

from .measure import Shift, mmd2, proxy_a_distance, shift

__all__ = ["Shift", "mmd2", "proxy_a_distance", "shift"]
