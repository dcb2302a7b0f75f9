"""Streams of tasks that come one after another: made by functions, or described in a small TOML file.

`task` and `stream` are what a learner gets; `scenarios`, `blurry` and `chunks` cut data into tasks; `described` reads a
file; `builtin` holds streams that need no download.
"""
