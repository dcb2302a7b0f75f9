"""Copies in a collection: candidates, what each pair is, groups, and what people decided."""
