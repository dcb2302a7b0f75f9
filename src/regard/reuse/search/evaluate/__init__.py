"""How well search does: a ground truth as places in a collection, and figures over queries."""
