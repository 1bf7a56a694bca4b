"""Say whether photos and models fit each other, and what was done where they don't."""

from __future__ import annotations

from typing import Any

from ucmgcn.graph.alignment import PRIOR_PHOTOS
from ucmgcn.graph.space import FeatureSpace
from ucmgcn.settings import GraphConfig

# Photos of all of a gallery have a coverage near 1; below this, half of the trust is lost.
COVERED = 0.7
HARDLY = 0.1
FEW_PHOTOS = 20


def describe_fit(photos: int, space: FeatureSpace, config: GraphConfig) -> dict[str, Any]:
    """Describe how photos lie to the models, for `graph.json`.

    Parameters
    ----------
    photos
        Number of photos in the graph.
    space
        The space that was fitted on them.

    Returns
    -------
    dict
        ``photos``; ``coverage`` (None if it was not estimated) and ``trust``, see `FeatureSpace`;
        ``warnings``, a list of sentences for people, empty if all is well or there are no photos.
    """
    estimated = photos > 0 and config.alignment == "matched"
    warnings = [_few(photos, config), _uncovered(space, config)] if estimated else []
    return {
        "photos": photos,
        "coverage": space.coverage if estimated else None,
        "trust": space.trust if photos else None,
        "warnings": [text for text in warnings if text],
    }


def _few(photos: int, config: GraphConfig) -> str:
    if photos >= FEW_PHOTOS:
        return ""
    few = f"Only {photos} photo{'s' * (photos > 1)}"
    start = f"{few}: too few to say how photos differ from views"
    if config.space == "raw":
        return f"{start}."
    known = photos / (photos + PRIOR_PHOTOS)
    return f"{start}, so only {_percent(known)} of the shift found between them is removed."


def _uncovered(space: FeatureSpace, config: GraphConfig) -> str:
    if space.coverage >= COVERED:
        return ""
    shown = f"The photos seem to show about {_percent(space.coverage)} of the models"
    if space.coverage < HARDLY:
        shown = f"Photos and models hardly fit each other. {shown}"
    matched, all_views = _percent(1 - space.trust), _percent(space.trust)
    done = [] if config.space == "raw" else [
        f"the photos' centre goes {matched} by the views that they match and {all_views} by all"
    ]  # fmt: skip
    done.append(
        f"a network trained without labels has a weight of {_percent(space.learned_share)}, and "
        "the propagated graph the rest"
    )
    return f"{shown} (estimated without labels). So {', and '.join(done)}."


def _percent(share: float) -> str:
    """Round to whole percents, but not a little to nothing, nor nearly all to all."""
    if 0 < share < 0.01:
        return "less than 1 %"
    return "more than 99 %" if 0.99 < share < 1 else f"{100 * share:.0f} %"
