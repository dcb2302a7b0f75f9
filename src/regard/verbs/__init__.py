"""Each verb of the command line as a function: one file a verb, which takes what it takes and gives a `Result`."""
