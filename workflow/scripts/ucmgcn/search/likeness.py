"""Words for how like a photo a model is, calibrated on the library itself."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ucmgcn.core.arrays import Features

WORDS = ("not much like it", "somewhat like it", "like it", "very like it")
UNFAMILIAR = "nothing here is much like it"


def likeness(cosine: float, thresholds: Features) -> str:
    """Say how like a photo a model is.

    Parameters
    ----------
    cosine
        Of the photo and the most similar view of the model, in the feature space.
    thresholds
        See `ucmgcn.index.likeness.likeness_thresholds`. Without any, there is no word.
    """
    return WORDS[int(np.searchsorted(thresholds, cosine, side="right"))] if len(thresholds) else ""


def is_familiar(likenesses: Iterable[str]) -> bool:
    """Whether a photo is like any of its hits, given their words."""
    words = set(likenesses)
    return not words or words != {WORDS[0]}
