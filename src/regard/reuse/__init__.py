"""What a representation is used for."""
