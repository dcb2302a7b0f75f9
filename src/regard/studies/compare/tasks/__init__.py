"""Tasks that representations are compared on, one file a task: found by name (see `..contract`)."""
