"""Learners on frozen vectors, in closed form; one file each."""
