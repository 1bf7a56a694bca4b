"""Data sets: what lies in a folder."""
