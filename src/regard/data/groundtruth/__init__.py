"""What each query should find: the ground truth of retrieval benchmarks, and of a user's own collection.

Read from JSON, CSV, text and file names alone; a pickle or a .mat file is refused with the line that converts it.
Names in these files are names: absolute ones and those that climb out of a folder are refused. Each reader cites its
data set; the scores are in `metrics.landmarks`, `metrics.reidentification` and `metrics.retrieve`.
"""
