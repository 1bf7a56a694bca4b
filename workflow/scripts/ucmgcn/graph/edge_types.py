"""Node and edge types of the cross-media graph."""

from __future__ import annotations

EdgeType = tuple[str, str, str]
SHOWS: EdgeType = ("photo", "shows", "view")
SHOWN: EdgeType = ("view", "shown-by", "photo")
OF: EdgeType = ("view", "of", "model")
HAS: EdgeType = ("model", "has", "view")
BESIDE: EdgeType = ("view", "beside", "view")
PHOTO_LIKE: EdgeType = ("photo", "like", "photo")
MODEL_LIKE: EdgeType = ("model", "like", "model")
NODE_TYPES = ("photo", "view", "model")
