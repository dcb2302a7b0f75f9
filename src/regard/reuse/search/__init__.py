"""Search by image: a table on disk is the record of vectors, ids, paths and labels; search is exact, in memory."""
