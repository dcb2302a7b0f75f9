"""Another domain, with few labels or none."""
