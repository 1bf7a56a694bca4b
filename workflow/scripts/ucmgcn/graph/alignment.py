"""The shift between photos and views, whatever part of the gallery the photos show.

The mean of all photos minus the mean of all views holds two things: how photos differ from views of
the same objects, which the feature space is to remove, and what the photo folder happens to show,
which it must keep. Photos of chairs alone would be centred like a gallery of everything. So photos
are first matched to views by relaxed transport: the views' mean is weighted by the mass that they
receive. How much of the gallery the matches cover says how far to trust them: where photos show all
of it, the plain means are the better estimate.
"""

from __future__ import annotations

import numpy as np

from ucmgcn.core.arrays import Features, Floats, Ints, Mask
from ucmgcn.graph.space import Alignment, mean_of, normalise

PHOTOS, VIEWS = 600, 2600  # a mean needs no more; they are evenly spaced
# Of the views' variance: the entropy of the plan. Twice as much matches half of the gallery to all
# photos; half as much matches each photo to few views, whatever they show.
ENTROPY = 0.03
BALANCE = 0.5  # as in `train.matching.potentials`: views need not receive the same mass
ITERATIONS = 20
# Few rounds: each matches the photos anew, and errors of the first matches grow with them.
ROUNDS = 2
# Photos of the whole gallery reach some half of the models that views reach, being less like them.
REACHED = 0.5
# The variance of photos about their mean is some five times the squared shift, so the mean of n
# photos says n / (n + 5) of the shift (James & Stein, Berkeley Symposium 1961).
PRIOR_PHOTOS = 5


def align(photos: Features, views: Features) -> Alignment:
    """Estimate the shift between photos and views.

    Parameters
    ----------
    photos, views
        Features, shapes (n, d) and (m, v, d), float32. Without photos there is no shift, and
        the coverage is 0.

    Returns
    -------
    Alignment
        Its coverage is the effective number of models that photos are matched to, relative to half
        of what views of all models reach when they are matched to the other models. Of the views'
        mean in the shift, the share coverage^2 is that of all views, and the rest that of the
        views matched to the photos.
    """
    m, v, d = views.shape
    if not len(photos) or not m:
        return Alignment(np.zeros(d, dtype=np.float32), 0.0)
    flat = views.reshape(-1, d)
    centre, chosen = mean_of(flat), spaced(len(flat), VIEWS)
    sample, mean = normalise(flat[chosen]) - centre, mean_of(photos) - centre
    rows = normalise(photos[spaced(len(photos), PHOTOS)]) - centre
    shift, mass = np.zeros_like(mean), np.zeros(len(chosen))
    for _ in range(ROUNDS):
        mass = _received(rows - shift, sample)
        shift = mean - mass @ sample
    models = spaced(m, PHOTOS)
    alike = normalise(views[models, np.arange(len(models)) % v]) - centre
    own = chosen // v == models[:, None] if m > 1 else None  # one model has no other
    among = _received(alike, sample, own)
    reached = _effective(mass, chosen // v) / _effective(among, chosen // v)
    coverage = min(1.0, reached / REACHED)
    shift = mean - (1 - coverage**2) * (mass @ sample)
    known = len(photos) / (len(photos) + PRIOR_PHOTOS)
    return Alignment((known * shift).astype(np.float32), coverage)


def spaced(items: int, most: int) -> Ints:
    """Number at most `most` of the items, evenly spaced."""
    return np.unique(np.linspace(0, items - 1, min(items, most)).round().astype(np.int64))


def _received(photos: Features, views: Features, apart: Mask | None = None) -> Floats:
    """Match photos (n, d) to views (k, d) by relaxed transport; return the views' mass, sum 1.

    The cost is the squared distance. Sinkhorn's scaling, as in `train.matching.potentials`, needs
    no logarithms here: rows are scaled by their nearest view. Pairs `apart` (n, k) are not matched.
    """
    near = (2 * photos @ views.T - (views**2).sum(axis=1)).astype(np.float64)
    if apart is not None:
        near[apart] = -np.inf
    near -= near.max(axis=1, keepdims=True)
    kernel = np.exp(near / max(ENTROPY * (views**2).sum(axis=1).mean(), 1e-12))
    columns = np.ones(len(views))
    for _ in range(ITERATIONS):
        rows = 1 / (len(photos) * np.maximum(kernel @ columns, 1e-300))
        columns = (len(views) * np.maximum(rows @ kernel, 1e-300)) ** -BALANCE
    mass = columns * ((1 / np.maximum(kernel @ columns, 1e-300)) @ kernel)
    return np.asarray(mass / mass.sum())


def _effective(mass: Floats, models: Ints) -> float:
    """Effective number of models by their mass (the inverse of Simpson's index)."""
    return float(1 / (np.bincount(models, mass) ** 2).sum())
