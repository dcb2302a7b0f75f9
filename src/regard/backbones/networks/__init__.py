"""Networks of our own, one file each; every one is registered with timm under its file name."""
