"""Whether adapting made the features worse, judged without labels."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from ucmgcn.core.arrays import Features, Floats, Ints, Mask
from ucmgcn.graph.space import normalise

MOST = 1000  # queries of each kind
SLACK = 0.01


@dataclass(frozen=True)
class Signs:
    """What features say of themselves, asked by asked; None where there is nothing to ask.

    Each value, from 0 to 1, is the probability that what belongs together is more alike than what
    is drawn at random (the area under the ROC curve). Kinds may draw together: that leaves it as it
    is. Features that collapse, or that mix what the encoder kept apart, lower it.

    Attributes
    ----------
    views
        A view, and another view of its model, among the views of all models.
    looks
        A photo's one look, and its other, among the other looks of all photos.
    cycles
        The model nearest to a photo, and that photo, among all photos.
    """

    views: Floats | None
    looks: Floats | None
    cycles: Floats | None

    @property
    def means(self) -> dict[str, float | None]:
        """Mean of each sign."""
        return {name: None if each is None else float(each.mean()) for name, each in self.all()}

    def all(self) -> list[tuple[str, Floats | None]]:
        """List the signs by name."""
        return [(field.name, getattr(self, field.name)) for field in fields(self)]


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


def _views(views: Features, seed: int) -> Floats | None:
    m, v = views.shape[:2]
    if m < 2 or v < 2:
        return None
    flat = normalise(views.reshape(m * v, -1))
    asked = np.random.default_rng(seed).permutation(m * v)[:MOST]
    scores, first = flat[asked] @ flat.T, asked // v * v
    strangers = np.arange(m * v) // v != asked[:, None] // v
    others = [first + (asked - first + step) % v for step in range(1, v)]
    return np.asarray(np.mean([_ahead(scores, other, strangers) for other in others], axis=0))


def _looks(looks: Features) -> Floats | None:
    if looks.shape[1] < 2 or len(looks) < 2:
        return None
    one, other = (normalise(looks[:MOST, i]) for i in (0, 1))
    scores = one @ other.T
    own = np.arange(len(scores))
    return _ahead(scores, own, own != own[:, None])


def _cycles(looks: Features, views: Features) -> Floats | None:
    n, m = len(looks), len(views)
    if n < 2 or m < 2:
        return None
    photos, models = normalise(normalise(looks).mean(axis=1)), normalise(views.max(axis=1))
    photos, models = (normalise(rows - rows.mean(axis=0)) for rows in (photos, models))
    asked = np.arange(n)[:MOST]
    nearest = (photos[asked] @ models.T).argmax(axis=1)
    scores = models[nearest] @ photos.T
    return _ahead(scores, asked, np.arange(n) != asked[:, None])


def _ahead(scores: Features, true: Ints, rivals: Mask) -> Floats:
    """Return for each row of (q, n) the share of the rivals that are below the true column."""
    own = np.take_along_axis(scores, true[:, None], axis=1)
    below = (scores < own) + (scores == own) / 2
    return np.asarray((below * rivals).sum(axis=1) / rivals.sum(axis=1))


def reasons_against(before: Signs, after: Signs) -> list[str]:
    """Name each sign that fell by more than `SLACK`, and by more than chance (two standard errors).

    Both are asked the same, so the differences are paired.
    """
    found = []
    for (name, old), (_, new) in zip(before.all(), after.all(), strict=True):
        if old is None or new is None:
            continue
        fall = old - new
        chance = 2 * fall.std() / np.sqrt(len(fall))
        if fall.mean() > max(SLACK, chance):
            found.append(f"{name} fell from {old.mean():.3f} to {new.mean():.3f}")
    return found
