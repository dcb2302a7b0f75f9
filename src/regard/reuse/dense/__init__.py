"""Dense tasks on a representation's pyramid: boxes, instances, semantic maps."""
