"""UCM-GCN: find the 3D model that a photo shows."""

__version__ = "0.1.0"
