"""The HTML pages: one file a kind of result, from plain values; the command line and the web share them."""
