"""Networks: pixels to maps to a vector."""
