"""The report stage: one self-contained page."""
