"""Where networks come from, one file a library; other packages add theirs by the entry point `regard.library`."""
