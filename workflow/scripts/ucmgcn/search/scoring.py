"""How each method scores the models of a library for one photo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from ucmgcn.core.arrays import Features
from ucmgcn.graph.attach import embed_query
from ucmgcn.graph.space import normalise
from ucmgcn.search.contents import GRAPH_METHODS, POOLING_METHODS, Contents


class ModelScorer(Protocol):
    """How a method scores the m models of a library."""

    def photo(self, feature: Features) -> Features:
        """Score all models for a photo, given its features (D,): shape (m,)."""

    def model(self, number: int) -> Features:
        """Score all models by their similarity to one of them: shape (m,)."""


def make_scorer(method: str, contents: Contents) -> ModelScorer:
    """Make the scorer of a method of `ucmgcn.search.contents.METHODS`."""
    if method in GRAPH_METHODS:
        return EmbeddedModels(contents.gallery, partial(embed_query, contents.frozen))
    if method in POOLING_METHODS:
        pooled = contents.pooled(method.removesuffix("-pool"))
        return EmbeddedModels(normalise(pooled), normalise)
    return _Baseline(method, contents, contents.pooled("max"))


@dataclass(frozen=True)
class EmbeddedModels:
    """Scores by the cosine to an embedding of each model.

    Attributes
    ----------
    gallery
        Embeddings of the models, unit vectors, shape (m, e).
    embed
        Maps the features (D,) of a photo to its embedding, a unit vector (e,).
    """

    gallery: Features
    embed: Callable[[Features], Features]

    def photo(self, feature: Features) -> Features:
        """Score all models for a photo, see `ModelScorer`."""
        return np.asarray(self.gallery @ self.embed(feature))

    def model(self, number: int) -> Features:
        """Score all models for one of them, see `ModelScorer`."""
        return np.asarray(self.gallery @ self.gallery[number])


@dataclass(frozen=True)
class _Baseline:
    """A baseline without embeddings; a model is its own query by its max-pooled features."""

    name: str
    contents: Contents
    pooled: Features

    def photo(self, feature: Features) -> Features:
        # Imported here, since it takes as long as the rest of a search.
        from ucmgcn.evaluate.baselines import BaselineInputs, build_baseline
        from ucmgcn.files.rows import ShardViews

        ids = [model.id for model in self.contents.models]
        views = ShardViews(self.contents.view_features, ids)
        inputs = BaselineInputs(feature[None], lambda _: self.pooled, views)
        return np.asarray(build_baseline(self.name, inputs).scores(slice(0, 1))[0])

    def model(self, number: int) -> Features:
        return self.photo(self.pooled[number])
