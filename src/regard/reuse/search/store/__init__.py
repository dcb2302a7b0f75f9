"""Where a collection is recorded: the protocol, the reference in memory, and the backends."""
