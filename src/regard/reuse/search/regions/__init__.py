"""Several vectors an image: regions of its last map, beside the index and made from it, searched by MaxSim."""
