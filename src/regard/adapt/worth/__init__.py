"""What adaptation was worth: trials, comparisons, and the figures of both."""
