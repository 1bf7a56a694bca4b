"""The demo set, which this package generates from a seed; no file comes from elsewhere."""
