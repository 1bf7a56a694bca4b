"""What a library holds, and how each method scores its models for one photo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from ucmgcn.core.arrays import Features
from ucmgcn.core.errors import UserError
from ucmgcn.graph.attach import Frozen, embed_model, embed_query
from ucmgcn.graph.space import normalise
from ucmgcn.index.file import Index, Model, read_index
from ucmgcn.search.added import Added, read_added

INDEX = Path("index") / "index.h5"
GRAPH_METHODS = ("ucm-gcn", "propagation")
METHODS = (*GRAPH_METHODS, "max-pool", "mean-pool", "max-view", "alpha-qe")


@dataclass(frozen=True)
class Contents:
    """The models of a library: the m of the graph, then those that were added.

    Attributes
    ----------
    home
        The data set's results.
    index, frozen
        The index, and the frozen state of the method; of a baseline, that of propagation.
    added
        The models that were added.
    gallery
        Embeddings of all models, unit vectors, shape (m + added, e).
    views
        Features of all views in the graph's space, unit vectors, shape (m + added, v, d).
    """

    home: Path
    index: Index
    frozen: Frozen
    added: list[Added]
    gallery: Features
    views: Features

    @property
    def models(self) -> list[Model]:
        """All models, the paths of their meshes relative to the folder of the run."""
        return [*self.index.models, *(added.model for added in self.added)]

    @property
    def shards(self) -> list[Path]:
        """For each model the shard with its views."""
        files = [self.home / path for path in self.index.facts.views]
        return [*(files[i] for i in self.index.shard), *(added.views for added in self.added)]

    @property
    def view_features(self) -> list[Path]:
        """The shards with the features of all views."""
        files = [self.home / path for path in self.index.facts.view_features]
        return [*files, *(added.view_features for added in self.added)]

    def pooled(self, pooling: str) -> Features:
        """Read the encoder's features of all models, pooled over views, shape (m + added, D)."""
        pool = np.max if pooling == "max" else np.mean
        more = [pool(added.features, axis=0) for added in self.added]
        return np.vstack([self.index.pooled(pooling), *more])


def read_contents(results: Path, dataset: str, method: str) -> Contents:
    """Read the library of a data set, and attach the models that were added to its graph.

    Raises
    ------
    UserError
        If it is missing or damaged, or the method cannot answer a single photo.
    """
    if method not in METHODS:
        raise UserError(_no_method(method))
    home = results / dataset
    if not (home / INDEX).is_file():
        raise UserError(_no_results(results, dataset))
    index = read_index(home / INDEX)
    frozen = index.frozen(method if method in GRAPH_METHODS else "propagation")
    known = {model.id for model in index.models}
    added = read_added(index.facts, known, results.parent, home)
    attached = [embed_model(frozen, one.features, index.beside, index.reach) for one in added]
    gallery = np.vstack([frozen.gallery, *(embedding for embedding, _ in attached)])
    views = np.concatenate([frozen.views, *(own[None] for _, own in attached)])
    return Contents(home, index, frozen, added, gallery, views)


class Method(Protocol):
    """How models are scored."""

    def photo(self, feature: Features) -> Features:
        """Score all models for a photo, by its features of the encoder (D,): shape (m,)."""

    def model(self, number: int) -> Features:
        """Score all models by their likeness to one of them: shape (m,)."""


def make_method(name: str, contents: Contents) -> Method:
    """Make the scorer of a method of `METHODS`."""
    if name in GRAPH_METHODS:
        return Vectors(contents.gallery, partial(embed_query, contents.frozen))
    if name in ("max-pool", "mean-pool"):
        return Vectors(normalise(contents.pooled(name.removesuffix("-pool"))), normalise)
    return _Control(name, contents, contents.pooled("max"))


@dataclass(frozen=True)
class Vectors:
    """Cosine to a vector for each model.

    Attributes
    ----------
    gallery
        Unit vectors, shape (m, e).
    embed
        Makes a unit vector (e,) of the encoder's features (D,) of a photo.
    """

    gallery: Features
    embed: Callable[[Features], Features]

    def photo(self, feature: Features) -> Features:
        """Score all models for a photo, see `Method`."""
        return np.asarray(self.gallery @ self.embed(feature))

    def model(self, number: int) -> Features:
        """Score all models for one of them, see `Method`."""
        return np.asarray(self.gallery @ self.gallery[number])


@dataclass(frozen=True)
class _Control:
    """A baseline of the tables; a model asks by its max-pooled features."""

    name: str
    contents: Contents
    pooled: Features

    def photo(self, feature: Features) -> Features:
        # Imported when asked for: they take as long as all the rest of a search.
        from ucmgcn.evaluate.baselines import BaselineInputs, build_baseline
        from ucmgcn.files.rows import ShardViews

        ids = [model.id for model in self.contents.models]
        views = ShardViews(self.contents.view_features, ids)
        inputs = BaselineInputs(feature[None], lambda _: self.pooled, views)
        return np.asarray(build_baseline(self.name, inputs).scores(slice(0, 1))[0])

    def model(self, number: int) -> Features:
        return self.photo(self.pooled[number])


def _no_method(method: str) -> str:
    if method == "k-reciprocal":
        return "k-reciprocal re-ranks all photos together, so it cannot answer one; choose another"
    return f"there is no method {method!r}; choose one of {', '.join(METHODS)}"


def _no_results(results: Path, dataset: str) -> str:
    index = results / dataset / INDEX
    if index.parents[1].is_dir():
        return f"the run of {dataset} is not finished: there is no {index}. Run snakemake again"
    there = sorted(path.parents[1].name for path in results.glob(f"*/{INDEX}"))
    found = f"there are {', '.join(there)}" if there else "there are none at all"
    return (
        f"there are no results of {dataset!r} in {results}; {found}. Run snakemake for it first, "
        f"or name its folder with --results"
    )
