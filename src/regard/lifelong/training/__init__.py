"""Learners whose encoder moves from task to task; one file each."""
