"""Ways of learning from images alone, one task after another: one file each."""
