"""The evaluate stage: rankings, metrics and their tables."""
