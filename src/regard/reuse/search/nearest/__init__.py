"""Nearest neighbours: exactly, through a sketch, or of several vectors an item."""
