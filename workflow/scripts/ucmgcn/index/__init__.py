"""The index stage: what a search reads."""
