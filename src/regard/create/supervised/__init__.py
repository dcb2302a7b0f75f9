"""With labels; one file a way."""
