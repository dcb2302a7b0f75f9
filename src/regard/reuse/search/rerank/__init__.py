"""Re-ranking: the first results are put in a better order by what they say about one another."""
