"""Which model to trust, chosen without target labels."""
