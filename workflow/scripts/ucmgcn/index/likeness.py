"""How like photos and models are in this library, which gives the likeness of a hit its word."""

from __future__ import annotations

import numpy as np

from ucmgcn.core.arrays import Features
from ucmgcn.graph.alignment import spaced
from ucmgcn.graph.knn import top_k
from ucmgcn.graph.space import FEW

QUANTILES = 0.05, 0.2, 0.5
MOST = 2000  # quantiles of more items are the same
# Photos are some two thirds as like views as views are like those of other models: on the demo set
# .41 to .77 in the median, on PSB and Caltech alike.
PHOTO_TO_VIEW = 2 / 3


def likeness_thresholds(photos: Features, views: Features) -> Features:
    """Find the quantiles of how like a photo is to its most similar view, without labels.

    Parameters
    ----------
    photos, views
        Unit vectors in the feature space, shapes (n, d) and (m, v, d), float32.

    Returns
    -------
    Features
        The `QUANTILES` of the photos' largest cosine to a view, ascending, shape (3,). With fewer
        than 20 photos they are made from the views' largest cosine to a view of another model;
        shape (0,) if there is none.
    """
    m, v, d = views.shape
    flat = views.reshape(-1, d)
    if len(photos) >= FEW:
        largest = top_k(photos[spaced(len(photos), MOST)], flat, 1)[1].max(axis=1)
        return np.asarray(np.quantile(largest, QUANTILES), dtype=np.float32)
    if m < 2:
        return np.zeros(0, dtype=np.float32)
    chosen = spaced(m * v, MOST)
    # Among the v + 1 nearest of a view, one at least is of another model.
    found, cosine = top_k(flat[chosen], flat, v + 1)
    cosine[found // v == (chosen // v)[:, None]] = -1
    largest = cosine.max(axis=1) * PHOTO_TO_VIEW
    return np.asarray(np.quantile(largest, QUANTILES), dtype=np.float32)
