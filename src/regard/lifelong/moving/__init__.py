"""What learners share whose encoder moves: contract, objective, memory as batches, one training a task."""
