"""What everyone stands on: checks, discovery, events, images, runtime, storage and the training loop."""
