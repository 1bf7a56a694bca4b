"""The parametric shapes of the demo set, one module per category."""
