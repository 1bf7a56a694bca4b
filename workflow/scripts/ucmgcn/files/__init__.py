"""File formats; each is written and read by one module."""
