"""Foundations: errors, warnings, progress, processes, devices and array types."""
