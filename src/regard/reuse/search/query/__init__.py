"""From a query to its results: parts of images, several images, what stands out, re-ranking."""
