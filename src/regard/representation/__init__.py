"""The centre: a representation, the vectors it gives, and the fast path to them."""
