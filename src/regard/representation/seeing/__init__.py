"""Ways to see what the units of a network answer to, one file a way.

`deconvnet`, `guided` and `gradcam` go from a unit or a vector back to the pixels; `occlusion` covers pixels and asks
the network again; `patches` and `nearest` look through a collection; `filters` shows weights. `graph` is the way back
that the first two share: it knows every operation on it, and refuses what a rule does not cover.
"""
