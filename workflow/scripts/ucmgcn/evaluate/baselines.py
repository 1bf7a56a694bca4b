"""The baselines: rankings by the same features, without graph and without learning.

=============  ============  ======================================================================
baseline       protocol      ranking
=============  ============  ======================================================================
max-pool       inductive     cosine to the element-wise maximum over a model's views
mean-pool      inductive     cosine to the mean over a model's views
max-view       inductive     cosine to the nearest single view of a model
alpha-qe       inductive     max-pool; each query is expanded by its own nearest *models* only
k-reciprocal   transductive  max-pool, re-ranked by k-reciprocal neighbours among queries and models
=============  ============  ======================================================================

In an inductive baseline no query's ranking depends on another query. Standard k-reciprocal
re-ranking looks for neighbours among queries and gallery together, so it is transductive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from scipy import sparse

from ucmgcn.core.arrays import Descriptors, Floats, Ints, Scores
from ucmgcn.core.blocks import block_slices, map_blocks
from ucmgcn.core.errors import UserError
from ucmgcn.evaluate.ranking import EmbeddingScorer, Measure, Scorer, top_models
from ucmgcn.settings import Pooling

PROTOCOL_OF = {
    "max-pool": "inductive",
    "mean-pool": "inductive",
    "max-view": "inductive",
    "alpha-qe": "inductive",
    "k-reciprocal": "transductive",
}
BASELINES = tuple(PROTOCOL_OF)


class ViewSource(Protocol):
    """View descriptors of G models, read chunk by chunk."""

    @property
    def n_models(self) -> int:
        """Size of the gallery."""
        ...

    def chunks(self) -> Iterable[tuple[Ints, Descriptors]]:
        """Gallery positions (c,) and their view descriptors (c, views, d), chunk by chunk."""
        ...


@dataclass(frozen=True)
class ArrayViews:
    """View descriptors in memory, shape (G, views, d)."""

    views: Descriptors
    chunk_size: int = 256

    @property
    def n_models(self) -> int:
        """Size of the gallery."""
        return len(self.views)

    def chunks(self) -> Iterator[tuple[Ints, Descriptors]]:
        """Gallery positions and views, `chunk_size` models at a time."""
        for start in range(0, len(self.views), self.chunk_size):
            part = self.views[start : start + self.chunk_size]
            yield np.arange(start, start + len(part)), part


@dataclass(frozen=True)
class BaselineInputs:
    """Inputs of the baselines.

    Attributes
    ----------
    queries
        Image features, shape (N, d).
    pooled
        Returns the model descriptors (G, d) for ``"max"`` or ``"mean"``.
    views
        View descriptors, before pooling.
    """

    queries: Descriptors
    pooled: Callable[[Pooling], Descriptors]
    views: ViewSource


def build_baseline(
    name: str, inputs: BaselineInputs, measure: Measure | None = None, threads: int = 1
) -> Scorer:
    """Return the scorer of a baseline by its name.

    Raises
    ------
    UserError
        If there is no baseline of that name.
    """
    measure = measure or Measure()
    queries, pooled = inputs.queries, inputs.pooled
    match name:
        case "max-pool":
            return EmbeddingScorer(queries, pooled("max"), measure)
        case "mean-pool":
            return EmbeddingScorer(queries, pooled("mean"), measure)
        case "max-view":
            return MaxViewScorer(queries, inputs.views, measure)
        case "alpha-qe":
            return AlphaQueryExpansion(queries, pooled("max"), measure)
        case "k-reciprocal":
            return KReciprocal(queries, pooled("max"), measure, threads=threads)
    raise UserError(f"baselines: there is no baseline {name!r}; known are {', '.join(BASELINES)}")


class MaxViewScorer:
    """Score each model by its view nearest to the query."""

    def __init__(
        self, queries: Descriptors, views: ViewSource, measure: Measure | None = None
    ) -> None:
        self._queries, self._views, self._measure = queries, views, measure or Measure()
        self.shape = (len(queries), views.n_models)

    def scores(self, queries: slice) -> Scores:
        """Similarities of shape (b, G)."""
        rows = self._measure.prepare(self._queries[queries])
        scores = np.empty((len(rows), self.shape[1]), dtype=np.float32)
        for positions, views in self._views.chunks():
            flat = self._measure.prepare(views.reshape(-1, views.shape[-1]))
            nearest = self._measure.similarity(rows, flat).reshape(len(rows), len(views), -1)
            scores[:, positions] = nearest.max(axis=2)
        return scores


class AlphaQueryExpansion:
    """Rank by the query plus its nearest models, each weighted by a power of its cosine.

    Queries are expanded from the gallery only, so they stay independent of each other.

    Parameters
    ----------
    queries, models
        Descriptors of shapes (N, d) and (G, d).
    k, alpha
        Number of models to add, and the power; negative cosines have weight 0.

    References
    ----------
    F. Radenovic, G. Tolias, O. Chum, Fine-tuning CNN image retrieval with no human annotation,
    IEEE TPAMI 41(7), 2019, section 4.2.
    """

    def __init__(
        self,
        queries: Descriptors,
        models: Descriptors,
        measure: Measure | None = None,
        *,
        k: int = 10,
        alpha: float = 3.0,
    ) -> None:
        self._measure = measure or Measure()
        self._queries, self._models = queries, self._measure.prepare(models)
        self._cosine = EmbeddingScorer(self._queries, self._models)
        self._k, self._alpha = k, alpha
        self.shape = (len(queries), len(models))

    def scores(self, queries: slice) -> Scores:
        """Similarities of the expanded queries, shape (b, G)."""
        rows = self._measure.prepare(self._queries[queries])
        cosine = self._cosine.scores(queries)
        nearest = top_models(cosine, self._k)
        weights = np.maximum(np.take_along_axis(cosine, nearest, axis=1), 0.0) ** self._alpha
        expanded = rows + np.einsum("bk,bkd->bd", weights, self._models[nearest])
        return self._measure.similarity(self._measure.prepare(expanded), self._models)


@dataclass
class KReciprocal:
    """Re-rank by the overlap of k-reciprocal neighbourhoods among queries and models.

    The distance is ``(1 - weight) * Jaccard + weight * original``, where the original distance is
    divided by its maximum over the query's row. Neighbourhoods are sparse and scored query by
    query, so memory grows with the number of items, not with its square.

    Parameters
    ----------
    queries, models
        Descriptors of shapes (N, d) and (G, d).
    k1, k2, weight
        k1, k2 and lambda of the paper: size of the neighbourhoods and of the local query expansion,
        and weight of the original distance.

    References
    ----------
    Z. Zhong, L. Zheng, D. Cao, S. Li, Re-ranking person re-identification with k-reciprocal
    encoding, CVPR 2017.
    """

    queries: Descriptors
    models: Descriptors
    measure: Measure = field(default_factory=Measure)
    k1: int = 20
    k2: int = 6
    weight: float = 0.3
    threads: int = 1

    def __post_init__(self) -> None:
        self.shape = (len(self.queries), len(self.models))
        rows = np.concatenate(
            [self.measure.prepare(self.queries), self.measure.prepare(self.models)]
        )
        neighbours, self._farthest = self._neighbours(rows)
        encoded = self._encode(rows, neighbours)
        expanded = _mean_of_neighbours(neighbours[:, : self.k2]) @ encoded
        self._query_code = expanded[: self.shape[0]].tocsr()
        self._model_code = expanded[self.shape[0] :].tocsc()
        self._rows = rows

    def scores(self, queries: slice) -> Scores:
        """Negative re-ranked distances, shape (b, G)."""
        similarity = self.measure.similarity(self._rows[queries], self._rows[self.shape[0] :])
        original = self._distance(similarity) / self._farthest[queries, None]
        jaccard = np.stack([self._jaccard(i) for i in range(*queries.indices(self.shape[0]))])
        return (-(1 - self.weight) * jaccard - self.weight * original).astype(np.float32)

    def _distance(self, similarity: Scores) -> Floats:
        """Squared Euclidean distance, up to a factor that the division by the maximum cancels."""
        wide = np.asarray(similarity, dtype=np.float64)
        euclidean = self.measure.official_preprocess or self.measure.distance == "euclidean"
        return wide**2 if euclidean else 1.0 - wide

    def _neighbours(self, rows: Floats) -> tuple[Ints, Floats]:
        """Find the k1 + 1 nearest items of each item, itself included, and its largest distance."""

        def block(part: slice) -> tuple[Ints, Floats]:
            similarity = self.measure.similarity(rows[part], rows)
            nearest = top_models(similarity, max(self.k1 + 1, self.k2))
            return nearest, self._distance(similarity.min(axis=1))

        found = list(map_blocks(block, block_slices(len(rows), len(rows)), self.threads))
        farthest = np.concatenate([far for _, far in found])
        return np.concatenate([near for near, _ in found]), np.where(farthest > 0, farthest, 1.0)

    def _encode(self, rows: Floats, neighbours: Ints) -> sparse.csr_matrix:
        """Row i holds exp(-distance) over the k-reciprocal set of i, scaled to sum 1."""
        half = int(np.around(self.k1 / 2))
        narrow = _reciprocal_sets(neighbours[:, : half + 1])
        sets = [_expand(wide, narrow) for wide in _reciprocal_sets(neighbours[:, : self.k1 + 1])]
        indptr = np.cumsum([0, *map(len, sets)])
        weights = [self._membership(rows, i, members) for i, members in enumerate(sets)]
        return sparse.csr_matrix(
            (np.concatenate(weights), np.concatenate(sets), indptr), shape=(len(rows), len(rows))
        )

    def _membership(self, rows: Floats, item: int, members: Ints) -> Floats:
        similarity = self.measure.similarity(rows[item : item + 1], rows[members])[0]
        weights = np.exp(-self._distance(similarity) / self._farthest[item])
        return np.asarray(weights / weights.sum(), dtype=np.float64)

    def _jaccard(self, query: int) -> Floats:
        """Jaccard distance of a query's code to every model's: 1 - shared / (2 - shared)."""
        code = self._query_code[query]
        columns = self._model_code[:, code.indices]
        smaller = np.minimum(columns.data, np.repeat(code.data, np.diff(columns.indptr)))
        shared = np.bincount(columns.indices, smaller, minlength=self.shape[1])
        return np.asarray(1.0 - shared / (2.0 - shared), dtype=np.float64)


def _reciprocal_sets(neighbours: Ints) -> list[Ints]:
    """List each item's reciprocal neighbours, which have it among theirs too, nearest first."""
    mutual = (neighbours[neighbours] == np.arange(len(neighbours))[:, None, None]).any(axis=2)
    return [row[keep] for row, keep in zip(neighbours, mutual, strict=True)]


def _expand(members: Ints, narrow: list[Ints]) -> Ints:
    """Add the half-size sets of the members that share more than two thirds with the set."""
    own = set(members.tolist())
    expanded = set(own)
    for member in members.tolist():
        candidates = narrow[member].tolist()
        if len(own.intersection(candidates)) > 2 / 3 * len(candidates):
            expanded.update(candidates)
    return np.array(sorted(expanded), dtype=np.int64)


def _mean_of_neighbours(neighbours: Ints) -> sparse.csr_matrix:
    n, k = neighbours.shape
    return sparse.csr_matrix(
        (np.full(n * k, 1.0 / k), neighbours.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n)
    )
