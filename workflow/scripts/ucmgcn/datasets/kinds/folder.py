"""Two plain folders: `DIR/<category>/<id>.<ext>`, see `manifest.scan`."""

from __future__ import annotations

from ucmgcn.datasets.manifest import scan
from ucmgcn.datasets.source import Found, Source


def models(source: Source) -> Found:
    """List the meshes."""
    return scan(source.models, "models")


def images(source: Source) -> Found:
    """List the photos."""
    return scan(source.photos, "images")
