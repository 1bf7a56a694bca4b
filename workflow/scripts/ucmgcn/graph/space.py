"""The space in which photos and views are compared: aligned, centred, then whitened."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ucmgcn.core.arrays import Features, Floats
from ucmgcn.settings import Pooling

Space = Literal["raw", "centred", "pca-whitened"]
BLOCK = 16_384  # vectors normalised or mapped at a time
FEW = 20  # fewer photos do not tell what is usual for a photo
USUAL = 0.99  # share of the photos that the radius holds
ROUNDING = 1e-5  # in the raw space, all photos lie on the radius


@dataclass(frozen=True)
class Alignment:
    """How photos lie to views, see `ucmgcn.graph.alignment.align`.

    Attributes
    ----------
    shift
        Centre of the photos minus the centre of the views, shape (d,), float32.
    coverage
        Share of the gallery that the photos show, from 0 to 1, estimated without labels.
    """

    shift: Features
    coverage: float


@dataclass(frozen=True)
class FeatureSpace:
    """A fitted map x -> normalise((normalise(x) - mean) projection), one mean per modality.

    Attributes
    ----------
    photo_mean, view_mean
        Centres of the normalised features, shape (d,), float32.
    model_mean
        Mean of the models' normalised max-pooled features, shape (d,); shape (0,) if a model is
        the mean of its mapped views.
    projection
        Shape (d, d'), float32; shape (0, 0) stands for the identity.
    coverage
        Share of the gallery that the photos show, see `Alignment`; 1 unless it was estimated.
    radius
        What 99 % of the photos that the space was fitted on keep as their distance from
        `photo_mean`; infinite if there were fewer than 20.
    """

    photo_mean: Features
    view_mean: Features
    model_mean: Features
    projection: Features
    coverage: float = 1.0
    radius: float = math.inf

    @property
    def trust(self) -> float:
        """How far to trust what supposes that photos show all of the gallery, from 0 to 1."""
        return self.coverage**2

    @property
    def learned_share(self) -> float:
        """Weight of what was learned beside what was propagated, from 0 to a half."""
        return self.trust / (1 + self.trust)

    def familiar(self, photo: Features) -> bool:
        """Whether a photo's features (d,) lie among those of photos; a blank one's do not."""
        return bool(np.linalg.norm(normalise(photo) - self.photo_mean) <= self.radius)

    def photos(self, features: Features) -> Features:
        """Map features of photos, shape (..., d), to unit vectors of shape (..., d')."""
        return self._map(features, self.photo_mean)

    def views(self, features: Features) -> Features:
        """Map features of views, shape (..., d), to unit vectors of shape (..., d')."""
        return self._map(features, self.view_mean)

    def models(self, features: Features, mapped: Features | None = None) -> Features:
        """Map features of the views of models, shape (..., v, d), to unit vectors (..., d').

        `mapped` is the result of `views` for the same features, if it is at hand.
        """
        if self.model_mean.size:
            return self._map(features.max(axis=-2), self.model_mean)
        mapped = self.views(features) if mapped is None else mapped
        return normalise(mapped.mean(axis=-2))

    def _map(self, features: Features, mean: Features) -> Features:
        if features.ndim == 1:
            return np.asarray(self._map(features[None], mean)[0])
        dims = self.projection.shape[1] or features.shape[-1]
        mapped = np.empty((*features.shape[:-1], dims), dtype=np.float32)
        for part in _blocks(features):
            centred: Features = normalise(features[part]) - mean
            projected: Features = centred @ self.projection if self.projection.size else centred
            mapped[part] = normalise(projected)
        return mapped


def normalise(vectors: Features) -> Features:
    """Scale vectors (last axis) to unit length; zero vectors stay zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)


def fit_space(
    photos: Features,
    views: Features,
    space: Space,
    dims: int,
    exponent: float,
    pooling: Pooling = "mean",
    alignment: Alignment | None = None,
) -> FeatureSpace:
    """Fit the feature space on unlabelled photos and views.

    Both modalities have the same weight in the covariance, however many vectors each has. Principal
    component i is scaled by (singular value i)^-exponent: 0 keeps the variances, 1 whitens fully.

    Parameters
    ----------
    photos, views
        Features, shapes (n, d) and (m, v, d), float32: v views each of m models. Fewer than two
        photos have no spread; the views stand in for them.
    space
        ``"raw"`` normalises only, ``"centred"`` subtracts each modality's own mean,
        ``"pca-whitened"`` also projects onto at most `dims` principal components.
    pooling
        How views become a model: the ``"mean"`` of the mapped views, or the element-wise ``"max"``
        of their features.
    alignment
        How photos lie to views; None takes the means of all photos and of all views.
    """
    pooled = views.max(axis=1) if pooling == "max" else views[:0, 0]
    views = views.reshape(-1, views.shape[-1])
    given, photos = photos, photos if len(photos) > 1 else views
    means = [mean_of(rows) * np.float32(space != "raw") for rows in (photos, views, pooled)]
    projection = np.zeros((0, 0), dtype=np.float32)
    if space == "pca-whitened":
        covariance = (_covariance(photos, means[0]) + _covariance(views, means[1])) / 2
        projection = _whitening(covariance, dims, exponent)
    centre, coverage = means[0], 1.0
    if alignment is not None:
        centre = means[1] + alignment.shift * np.float32(space != "raw")
        coverage = alignment.coverage
    return FeatureSpace(centre, means[1], means[2], projection, coverage, _radius(given, centre))


def _radius(photos: Features, centre: Features) -> float:
    """Find the distance from the centre that `USUAL` of the photos (n, d) keep."""
    if len(photos) < FEW:
        return math.inf
    parts = [np.linalg.norm(normalise(photos[i]) - centre, axis=1) for i in _blocks(photos)]
    return float(np.quantile(np.concatenate(parts), USUAL)) + ROUNDING


def _whitening(covariance: Floats, dims: int, exponent: float) -> Features:
    variance, axes = np.linalg.eigh(covariance)
    keep = np.flatnonzero(variance > variance[-1] * 1e-6)[::-1][:dims]
    projection = axes[:, keep] * variance[keep] ** (-exponent / 2)
    return np.asarray(projection, dtype=np.float32)


def _blocks(vectors: Features) -> Iterator[slice]:
    """Cut the first axis into blocks of at most `BLOCK` vectors (last axis)."""
    size = max(1, BLOCK * vectors.shape[-1] // max(1, vectors[:1].size))
    return (slice(i, i + size) for i in range(0, len(vectors), size))


def mean_of(vectors: Features) -> Features:
    """Average the normalised vectors of (n, d): shape (d,); (0,) if there are none."""
    if not len(vectors):
        return np.zeros(0, dtype=np.float32)
    sums = [normalise(vectors[part]).sum(axis=0) for part in _blocks(vectors)]
    return np.asarray(np.sum(sums, axis=0) / len(vectors), dtype=np.float32)


def _covariance(vectors: Features, mean: Features) -> Floats:
    total = np.zeros((vectors.shape[1], vectors.shape[1]))
    for part in _blocks(vectors):
        centred = normalise(vectors[part]) - mean
        total += centred.T @ centred / len(vectors)
    return total
