"""Two folders of the user's own: `DIR/<category>/<id>.<ext>`, see `ucmgcn.manifest.scan`."""

from __future__ import annotations

from ucmgcn.datasets.source import Found, Source
from ucmgcn.manifest import scan


def models(source: Source) -> Found:
    """List the meshes."""
    return scan(source.models, "models")


def images(source: Source) -> Found:
    """List the photos."""
    return scan(source.images, "images")
