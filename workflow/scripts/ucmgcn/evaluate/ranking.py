"""Blocked ranking: a few queries against the whole gallery at a time.

Memory holds a block of scores per thread, never a queries x gallery matrix. Products are computed
in float64 and rounded to float32, so that the ranking does not depend on block size or threads:
models with equal descriptors tie exactly, and ties keep the gallery's order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from ucmgcn.core.arrays import Descriptors, Ints, Scores

Distance = Literal["cosine", "euclidean"]

DISTANCES: tuple[Distance, ...] = ("cosine", "euclidean")


class Scorer(Protocol):
    """Scores a block of queries against every model of the gallery."""

    @property
    def shape(self) -> tuple[int, int]:
        """Number of queries and of models."""
        ...

    def scores(self, queries: slice) -> Scores:
        """Similarities of shape (b, G), higher is nearer; callable from several threads."""
        ...


@dataclass(frozen=True)
class Measure:
    """How descriptors are compared.

    Attributes
    ----------
    distance
        ``"cosine"`` (rows are L2-normalised; a zero row has cosine 0 with all) or ``"euclidean"``.
    official_preprocess
        Follow the MI3DOR evaluator: clip at zero, L2-normalise, and use the Euclidean distance.
    """

    distance: Distance = "cosine"
    official_preprocess: bool = False

    def prepare(self, features: Descriptors) -> npt.NDArray[np.float64]:
        """Preprocess rows for `similarity`, shape (n, d)."""
        rows = np.asarray(features, dtype=np.float64)
        if self.official_preprocess:
            return unit_rows(np.maximum(rows, 0.0))
        return unit_rows(rows) if self.distance == "cosine" else rows

    def similarity(
        self, queries: npt.NDArray[np.float64], models: npt.NDArray[np.float64]
    ) -> Scores:
        """Cosine or negative Euclidean distance of prepared rows: (b, d), (m, d) -> (b, m)."""
        product: npt.NDArray[np.float64] = queries @ models.T
        if self.distance == "cosine" and not self.official_preprocess:
            return product.astype(np.float32)
        scale = _squares(queries)[:, None] + _squares(models)
        squared = scale - 2.0 * product
        # For equal rows the difference cancels; the rest is rounding error, not distance.
        squared[squared < 1e-12 * scale] = 0.0
        return (-np.sqrt(squared)).astype(np.float32)


class EmbeddingScorer:
    """Compare query and model embeddings of shapes (N, d) and (G, d)."""

    def __init__(
        self, queries: Descriptors, models: Descriptors, measure: Measure | None = None
    ) -> None:
        self._measure = measure or Measure()
        self._queries = queries
        self._models = self._measure.prepare(models)
        self.shape = (len(queries), len(models))

    def scores(self, queries: slice) -> Scores:
        """Similarities of shape (b, G)."""
        return self._measure.similarity(self._measure.prepare(self._queries[queries]), self._models)


class FoldScorer:
    """Compare each query with the gallery of its own fold only.

    Parameters
    ----------
    queries
        Shape (N, sum of widths): zero except in the columns of the query's own fold.
    models
        Shape (G, sum of widths): the folds' galleries side by side.
    widths
        Number of columns of each fold.
    """

    def __init__(
        self, queries: Descriptors, models: Descriptors, widths: Sequence[int], measure: Measure
    ) -> None:
        self.shape = (len(queries), len(models))
        ends = np.cumsum(widths)
        columns = [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]
        self._fold = np.argmax([queries[:, part].any(axis=1) for part in columns], axis=0)
        self._rows = np.zeros(len(queries), dtype=np.int64)
        self._parts: list[EmbeddingScorer] = []
        for number, part in enumerate(columns):
            inside = np.flatnonzero(self._fold == number)
            self._rows[inside] = np.arange(len(inside))
            self._parts.append(EmbeddingScorer(queries[inside, part], models[:, part], measure))

    def scores(self, queries: slice) -> Scores:
        """Similarities of shape (b, G)."""
        fold, rows = self._fold[queries], self._rows[queries]
        out = np.empty((len(fold), self.shape[1]), dtype=np.float32)
        for number, part in enumerate(self._parts):
            own = np.flatnonzero(fold == number)
            if len(own):  # queries keep their order within a fold: the rows are consecutive
                out[own] = part.scores(slice(rows[own[0]], rows[own[-1]] + 1))
        return out


@dataclass(frozen=True)
class Ranking:
    """The rankings of a block of b queries, reduced to the ranks that the metrics need.

    Attributes
    ----------
    ranks, n_relevant
        Ranks of the relevant models, flat and ascending per query, and their number (b,).
    target
        Rank of each query's exact model, 0 if it has none; shape (b,).
    top, top_scores
        The nearest models, best first, and their scores; shape (b, min(top, G)).
    """

    ranks: Ints
    n_relevant: Ints
    target: Ints
    top: Ints
    top_scores: Scores


def unit_rows(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Scale rows to unit length; zero rows stay zero."""
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0))


def rank_scores(
    scores: Scores, relevant: Sequence[Ints], targets: Ints | None = None, top: int = 0
) -> Ranking:
    """Rank the models of the gallery for a block of queries; ties keep the gallery's order.

    Sorting a row's values and looking up the relevant ones takes half the time of an argsort.

    Parameters
    ----------
    scores
        Similarities, shape (b, G), finite.
    relevant
        For each query the gallery indices of its relevant models (may be empty).
    targets
        Gallery index of each query's exact model, -1 for none.
    top
        Number of nearest models to return.
    """
    b, n_models = scores.shape
    top = min(top, n_models)
    ranks: list[Ints] = []
    target, best = np.zeros(b, dtype=np.int64), np.empty((b, top), dtype=np.int64)
    for i, row in enumerate(scores):
        ordered = np.sort(row)
        ranks.append(np.sort(_ranks_of(row, ordered, relevant[i])))
        best[i] = _top(row, ordered, top)
        if targets is not None and targets[i] >= 0:
            target[i] = _ranks_of(row, ordered, targets[i : i + 1])[0]
    return Ranking(
        ranks=np.concatenate(ranks) if ranks else np.empty(0, dtype=np.int64),
        n_relevant=np.array([len(r) for r in relevant], dtype=np.int64),
        target=target,
        top=best,
        top_scores=np.take_along_axis(scores, best, axis=1),
    )


def top_models(scores: Scores, top: int) -> Ints:
    """Return the gallery indices of each row's `top` nearest models, best first; shape (b, top)."""
    none = [np.empty(0, dtype=np.int64)] * len(scores)
    return rank_scores(scores, none, top=top).top


def _ranks_of(row: Scores, ordered: Scores, models: Ints) -> Ints:
    """Rank models from 1: one plus the number that score higher, or equal and come earlier."""
    scores = row[models]
    not_nearer = np.searchsorted(ordered, scores, "right")
    ranks = len(row) - not_nearer + 1
    equal = not_nearer - np.searchsorted(ordered, scores, "left")
    for i in np.flatnonzero(equal > 1):
        ranks[i] += np.count_nonzero(row[: models[i]] == scores[i])
    return ranks.astype(np.int64)


def _top(row: Scores, ordered: Scores, top: int) -> Ints:
    if top == 0:
        return np.empty(0, dtype=np.int64)
    candidates = np.flatnonzero(row >= ordered[len(row) - top])
    return candidates[np.argsort(-row[candidates], kind="stable")[:top]]


def _squares(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.einsum("ij,ij->i", rows, rows), dtype=np.float64)
