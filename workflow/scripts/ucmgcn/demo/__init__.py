"""The demo set, made by this package from a seed: no file of it comes from anywhere else."""

from ucmgcn.demo.build import build_demo
from ucmgcn.demo.catalogue import CATEGORIES

__all__ = ["CATEGORIES", "build_demo"]
