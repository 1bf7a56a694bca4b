"""The index stage: the file that a search reads."""
