"""Representations and indexes that stay useful as tasks and versions come one after another."""
