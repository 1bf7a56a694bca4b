"""The demo set, made by this package from a seed: no file of it comes from anywhere else."""
