"""Whether adapting made the features worse, judged without labels."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from ucmgcn.core.arrays import Features
from ucmgcn.graph.knn import neighbourhood, top_k
from ucmgcn.graph.space import normalise

MOST = 1000  # queries of each kind
NEIGHBOURS = 15
SLACK = 0.9


@dataclass(frozen=True)
class Signs:
    """What features say of themselves, each from 0 to 1; None where there is nothing to ask.

    Attributes
    ----------
    views
        Of the nearest others of a view, as many as its model has other views, the share that shows
        the same model.
    looks
        Mean reciprocal rank of a photo's other look among the other looks of all photos.
    cycles
        Share of the photos that are among the nearest photos of the model nearest to them.
    """

    views: float | None
    looks: float | None
    cycles: float | None


def signs(looks: Features, views: Features, seed: int = 0) -> Signs:
    """Judge features by what they are known to show.

    Parameters
    ----------
    looks
        Features of the looks at photos, shape (n, l, d).
    views
        Features of views, shape (m, v, d).
    """
    return Signs(_views(views, seed), _looks(looks), _cycles(looks, views))


def _views(views: Features, seed: int) -> float | None:
    m, v = views.shape[:2]
    if m < 2 or v < 2:
        return None
    flat = normalise(views.reshape(m * v, -1))
    asked = np.random.default_rng(seed).permutation(m * v)[:MOST]
    found, _ = top_k(flat[asked], flat, v)
    others = found != asked[:, None]
    same = found // v == (asked // v)[:, None]
    return float((same & others).sum() / ((v - 1) * len(asked)))


def _looks(looks: Features) -> float | None:
    if looks.shape[1] < 2 or len(looks) < 2:
        return None
    one, other = (normalise(looks[:MOST, i]) for i in (0, 1))
    scores = one @ other.T
    ranks = (scores > np.diagonal(scores)[:, None]).sum(axis=1) + 1
    return float((1 / ranks).mean())


def _cycles(looks: Features, views: Features) -> float | None:
    n, m = len(looks), len(views)
    if n < 2 or m < 2:
        return None
    photos, models = normalise(normalise(looks).mean(axis=1)), normalise(views.max(axis=1))
    photos, models = (normalise(rows - rows.mean(axis=0)) for rows in (photos, models))
    nearest = top_k(photos, models, 1)[0][:, 0]
    back, _ = top_k(models, photos, neighbourhood(NEIGHBOURS, n))
    return float((back[nearest] == np.arange(n)[:, None]).any(axis=1).mean())


def reasons_against(before: Signs, after: Signs) -> list[str]:
    """Name each sign that fell below `SLACK` of what it was."""
    told = asdict(before), asdict(after)
    return [
        f"{name} fell from {told[0][name]:.3f} to {told[1][name]:.3f}"
        for name in told[0]
        if told[0][name] is not None and told[1][name] < SLACK * told[0][name]
    ]
