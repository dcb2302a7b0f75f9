"""From images alone; one file a pretext task."""
