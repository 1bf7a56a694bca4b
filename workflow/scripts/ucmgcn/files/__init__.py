"""File formats: each is written and read in one module."""
