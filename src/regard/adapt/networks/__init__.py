"""Deep adaptation: one file a method, each a loss or a change that brings the two domains together."""
