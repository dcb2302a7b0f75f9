"""Representations that are fitted, not trained: fixed descriptors, a vocabulary learned without labels; one file each."""
