"""Who plays a stream: learners whose encoder moves, learners on frozen vectors, bounds, and those of mixed streams."""
