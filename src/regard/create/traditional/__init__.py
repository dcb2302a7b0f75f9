"""Fitted, not trained: fixed descriptors, and a vocabulary learned without labels; one file a way."""
