"""Methods on vectors; one file a method."""
