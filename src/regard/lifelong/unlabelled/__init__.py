"""Learning task after task from images alone: contract, module, one training a task."""
