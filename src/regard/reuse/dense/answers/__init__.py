"""Writing what was found in pictures: one file a format, and `write.py` for all of them."""
