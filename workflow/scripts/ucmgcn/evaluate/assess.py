"""Assess one scorer on one task: the step from scores to metrics."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ucmgcn.core.arrays import Ints, Scores
from ucmgcn.core.blocks import block_slices, map_blocks
from ucmgcn.evaluate import metrics
from ucmgcn.evaluate.metrics import Flavour, QueryMetrics, Retrieval
from ucmgcn.evaluate.ranking import Ranking, Scorer, rank_scores

NO_MODELS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class RetrievalTask:
    """Queries, gallery and labels: N queries and G models.

    Attributes
    ----------
    queries, models
        Ids of the queries and of the gallery, in ranking order.
    query_labels, model_labels
        Their categories, any strings; an empty one means unlabelled.
    instances
        For instance-level sets, the id of the exact model of each query; empty if unknown.
    context
        Photos that are not queries: id, category and reason.
    """

    queries: Sequence[str]
    models: Sequence[str]
    query_labels: Sequence[str]
    model_labels: Sequence[str]
    instances: Sequence[str] | None = None
    context: Sequence[tuple[str, str, str]] = ()

    @cached_property
    def categories(self) -> list[str]:
        """The gallery's categories, sorted."""
        return sorted(set(self.model_labels) - {""})

    @cached_property
    def query_codes(self) -> Ints:
        """Index of each query's category, -1 if the gallery has no model of it."""
        return self._codes(self.query_labels)

    @cached_property
    def model_codes(self) -> Ints:
        """Index of each model's category, -1 if unlabelled."""
        return self._codes(self.model_labels)

    @cached_property
    def members(self) -> list[Ints]:
        """Gallery indices of the models of each category."""
        return [np.flatnonzero(self.model_codes == code) for code in range(len(self.categories))]

    @cached_property
    def targets(self) -> Ints:
        """Gallery index of each query's exact model, -1 if there is none."""
        position = {id: i for i, id in enumerate(self.models)}
        instances = self.instances or [""] * len(self.queries)
        return np.array([position.get(id, -1) for id in instances], dtype=np.int64)

    @cached_property
    def evaluated(self) -> npt.NDArray[np.bool_]:
        """Mask of the queries whose category has a model in the gallery."""
        return self.query_codes >= 0

    def among(self, queries: Collection[str]) -> RetrievalTask:
        """Return the task of only some of the queries, with the same gallery."""
        kept = [i for i, query in enumerate(self.queries) if query in queries]
        return replace(
            self,
            queries=[self.queries[i] for i in kept],
            query_labels=[self.query_labels[i] for i in kept],
            instances=None if self.instances is None else [self.instances[i] for i in kept],
            context=(),
        )

    @property
    def sizes(self) -> Ints:
        """C of each evaluated query."""
        counts = np.array([len(m) for m in self.members], dtype=np.int64)
        return counts[self.query_codes[self.evaluated]]

    @property
    def largest(self) -> int:
        """T, the size of the gallery's largest category."""
        return max(map(len, self.members))

    @property
    def left_out(self) -> list[tuple[str, str, str]]:
        """Id, category and reason of each photo that has no metric; context comes last."""
        unmeasured = [
            (id, label, "no model of this category" if label else "unlabelled")
            for id, label, known in zip(
                self.queries, self.query_labels, self.evaluated, strict=True
            )
            if not known
        ]
        return [*unmeasured, *self.context]

    def _codes(self, labels: Sequence[str]) -> Ints:
        index = {category: i for i, category in enumerate(self.categories)}
        return np.array([index.get(label, -1) for label in labels], dtype=np.int64)


@dataclass(frozen=True)
class Assessment:
    """The results of a scorer on a task.

    Attributes
    ----------
    retrieval
        The metrics of the evaluated queries; None if there are no such queries.
    target
        Rank of each query's exact model, 0 if it has none; shape (N,).
    top, top_scores
        The nearest models of each query and their scores, shape (N, min(top, G)).
    """

    retrieval: Retrieval | None
    target: Ints
    top: Ints
    top_scores: Scores


def assess(
    scorer: Scorer,
    task: RetrievalTask,
    *,
    flavour: Flavour = "official",
    by_category: bool = True,
    top: int = 0,
    block_size: int | None = None,
    threads: int = 1,
) -> Assessment:
    """Rank the gallery for every query, block by block, and reduce each block to its metrics.

    Parameters
    ----------
    by_category
        Keep the precision-recall counts of every category: memory grows with categories x models.
        The legacy flavour needs it.
    top
        Number of nearest models to keep per query.
    block_size
        Queries per block; by default about eight million scores.

    Raises
    ------
    ValueError
        If scorer and task have different numbers of queries or models.
    """
    if scorer.shape != (len(task.queries), len(task.models)):
        raise ValueError(f"scorer of {scorer.shape}, {len(task.queries)} x {len(task.models)} ids")
    blocks = block_slices(*scorer.shape, block_size)

    def rank(block: slice) -> Ranking:
        relevant = [task.members[c] if c >= 0 else NO_MODELS for c in task.query_codes[block]]
        return rank_scores(scorer.scores(block), relevant, task.targets[block], top)

    collected = _Collected(task, flavour, by_category)
    for block, ranking in zip(blocks, map_blocks(rank, blocks, threads), strict=True):
        collected.add(block, ranking)
    return collected.assessment()


def ceilings(task: RetrievalTask, flavour: Flavour = "official") -> dict[str, float]:
    """Return the metrics of a perfect ranking on a task with at least one evaluated query."""
    perfect = metrics.perfect_retrieval(
        task.sizes,
        task.query_codes[task.evaluated],
        n_models=len(task.models),
        largest=task.largest,
        flavour=flavour,
    )
    return metrics.summarise(perfect, flavour)


def confusion(
    assessment: Assessment, task: RetrievalTask, depth: int = 10
) -> npt.NDArray[np.float64]:
    """Count the categories of the models in the first places.

    Returns
    -------
    Share of the first `depth` places, by category of the query (row) and of the model (column);
    shape (K, K + 1). The last column counts unlabelled models. Rows without a query are 0.
    """
    n = len(task.categories)
    retrieved = task.model_codes[assessment.top[task.evaluated, :depth]]
    counts = np.zeros((n, n + 1))
    np.add.at(counts, (task.query_codes[task.evaluated, None], retrieved), 1.0)
    total = np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    return np.asarray(counts / total, dtype=np.float64)


class _Collected:
    """Accumulates rankings of consecutive blocks."""

    def __init__(self, task: RetrievalTask, flavour: Flavour, by_category: bool) -> None:
        self._task, self._flavour, self._by_category = task, flavour, by_category
        n_groups = max(len(task.categories), 1) if by_category else 1
        self._found = np.zeros((n_groups, len(task.models)), dtype=np.int64)
        self._queries: list[QueryMetrics] = []
        self._rankings: list[tuple[Ints, Ints, Scores]] = []

    @cached_property
    def _largest_queried(self) -> int:
        return int(self._task.sizes.max())

    def add(self, block: slice, ranking: Ranking) -> None:
        self._rankings.append((ranking.target, ranking.top, ranking.top_scores))
        known = ranking.n_relevant > 0
        if not known.any():
            return
        sizes = ranking.n_relevant[known]
        group = self._task.query_codes[block][known] if self._by_category else np.zeros_like(sizes)
        flat = np.repeat(group, sizes) * len(self._task.models) + ranking.ranks - 1
        np.add.at(self._found.reshape(-1), flat, 1)
        self._queries.append(
            metrics.query_metrics(
                ranking.ranks,
                sizes,
                n_models=len(self._task.models),
                largest=self._task.largest,
                largest_queried=self._largest_queried,
                flavour=self._flavour,
            )
        )

    def assessment(self) -> Assessment:
        target, top, scores = (np.concatenate(part) for part in zip(*self._rankings, strict=True))
        if not self._queries:
            return Assessment(None, target, top, scores)
        codes = self._task.query_codes[self._task.evaluated]
        group = codes if self._by_category else np.zeros_like(codes)
        retrieval = Retrieval(QueryMetrics.concatenate(self._queries), group, self._found)
        return Assessment(retrieval, target, top, scores)
