"""Which adaptation to trust, said without target labels."""
