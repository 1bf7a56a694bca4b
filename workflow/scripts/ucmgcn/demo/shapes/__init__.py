"""The parametric shapes of the demo set, a module a category."""
