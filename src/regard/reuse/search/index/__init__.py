"""A collection of images on disk: made, opened, brought up to date."""
