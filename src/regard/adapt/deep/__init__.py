"""Adapting a whole network: the objective, the run, and the choice without target labels."""
