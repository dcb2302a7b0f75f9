"""Kinds of names that `Representation.load` takes, one file a kind; other packages add theirs by entry points."""
