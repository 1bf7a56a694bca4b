"""Data sets: listing models and photos, their split and their roles."""
