"""Search a library with photos, and extend or export it."""
