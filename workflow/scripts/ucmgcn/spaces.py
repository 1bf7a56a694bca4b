"""The space in which photos and views are compared: centred per modality, then whitened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.float32]
Space = Literal["raw", "centred", "pca-whitened"]


@dataclass(frozen=True)
class FeatureSpace:
    """A fitted map x -> normalise((normalise(x) - mean) projection), one mean per modality.

    Attributes
    ----------
    photo_mean, view_mean
        Means of the normalised features, shape (d,), float32.
    projection
        Shape (d, d'), float32; shape (0, 0) stands for the identity.
    """

    photo_mean: Features
    view_mean: Features
    projection: Features

    def photos(self, features: Features) -> Features:
        """Map features of photos, shape (..., d), to unit vectors of shape (..., d')."""
        return self._map(features, self.photo_mean)

    def views(self, features: Features) -> Features:
        """Map features of views, shape (..., d), to unit vectors of shape (..., d')."""
        return self._map(features, self.view_mean)

    def _map(self, features: Features, mean: Features) -> Features:
        centred: Features = normalise(features) - mean
        projected: Features = centred @ self.projection if self.projection.size else centred
        return normalise(projected)


def normalise(vectors: Features) -> Features:
    """Scale vectors (last axis) to unit length; zero vectors stay zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)


def fit_space(
    photos: Features, views: Features, space: Space, dims: int, exponent: float
) -> FeatureSpace:
    """Fit the feature space on unlabelled photos and views.

    The two modalities weigh the same in the covariance, however many vectors each has. Principal
    component i is scaled by (singular value i)^-exponent: 0 keeps the variances, 1 whitens fully.

    Parameters
    ----------
    photos, views
        Features, shapes (n, d) and (m, d), float32.
    space
        ``"raw"`` normalises only, ``"centred"`` subtracts each modality's own mean,
        ``"pca-whitened"`` also projects on at most `dims` principal components.
    """
    photos, views = normalise(photos), normalise(views)
    identity = np.zeros((0, 0), dtype=np.float32)
    if space == "raw":
        zero = np.zeros(photos.shape[1], dtype=np.float32)
        return FeatureSpace(zero, zero, identity)
    photo_mean, view_mean = photos.mean(axis=0), views.mean(axis=0)
    if space == "centred":
        return FeatureSpace(photo_mean, view_mean, identity)
    covariance = (_covariance(photos, photo_mean) + _covariance(views, view_mean)) / 2
    variance, axes = np.linalg.eigh(covariance)
    keep = np.flatnonzero(variance > variance[-1] * 1e-6)[::-1][:dims]
    projection = axes[:, keep] * variance[keep] ** (-exponent / 2)
    return FeatureSpace(photo_mean, view_mean, projection.astype(np.float32))


def _covariance(vectors: Features, mean: Features) -> npt.NDArray[np.float64]:
    centred = vectors - mean
    return np.asarray(centred.T @ centred / len(centred), dtype=np.float64)
