"""How far two domains lie apart, and how source samples count in the target."""
