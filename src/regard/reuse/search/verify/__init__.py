"""Local features: which points of two images are the same, and whether one plane's geometry explains them."""
