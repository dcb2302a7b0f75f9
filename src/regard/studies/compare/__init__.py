"""Is representation A useful for a task, against B: measured by labels, minutes, memory and parameters."""
