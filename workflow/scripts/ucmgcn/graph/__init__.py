"""The graph stage, and what is computed on a graph."""
