"""One module for each layout of a data set."""
