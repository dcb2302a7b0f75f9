"""Ways of learning a representation."""
