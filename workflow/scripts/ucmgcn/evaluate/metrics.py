"""Retrieval metrics as pure functions of the ranks of a query's relevant models.

The default, ``flavour="official"``, computes the metrics of the MI3DOR benchmark (SHREC'19) like
its MATLAB evaluator. ``flavour="legacy"`` follows the Python evaluator that the UCM-GCN authors
published. Its numbers are not comparable with the official ones:

* everything is computed per category and then averaged over categories (macro);
* DCG starts at rank 2, with the discount of rank k - 1;
* ANMRR's numerator is too large by 1, and T is the category's own size, so S = 2C;
* the area under the pooled precision-recall curve is called mAP (here AUC and mAP are then equal).

Edge policies:

* a query without a relevant model has no metric; the caller must leave it out;
* in a gallery of fewer than 20 models, F's precision still divides by 20, as in the benchmark's
  formula, so read F with its ceiling;
* C = 1 works; F is 0 if nothing is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ucmgcn.core.arrays import Floats, Ints

Flavour = Literal["official", "legacy"]

FLAVOURS: tuple[Flavour, ...] = ("official", "legacy")
METRICS = ("NN", "FT", "ST", "F", "DCG", "ANMRR", "AUC", "mAP")
RECALL_DEPTHS = (1, 5, 10)
RECALLS = tuple(f"R@{depth}" for depth in RECALL_DEPTHS)
BESIDE = ("ANMRR_MPEG7",)
LOWER_IS_BETTER = frozenset({"ANMRR", "ANMRR_MPEG7"})
F_DEPTH = 20


@dataclass(frozen=True)
class QueryMetrics:
    """Metrics of n single queries; every array has shape (n,).

    Attributes
    ----------
    n_relevant
        C, the number of gallery models of the query's category.
    hits
        Relevant models among the first 20 (F's depth).
    nn, ft, st, dcg, anmrr, ap, anmrr_mpeg7
        Nearest neighbour, first tier, second tier, discounted cumulative gain, the official ANMRR
        term, average precision over the full ranking, and the NMRR of MPEG-7.
    """

    n_relevant: Ints
    hits: Floats
    nn: Floats
    ft: Floats
    st: Floats
    dcg: Floats
    anmrr: Floats
    ap: Floats
    anmrr_mpeg7: Floats

    def __len__(self) -> int:
        return len(self.n_relevant)

    def select(self, chosen: npt.NDArray[Any]) -> QueryMetrics:
        """Return the queries that a mask or an index array chooses."""
        return QueryMetrics(*(getattr(self, f.name)[chosen] for f in fields(self)))

    @staticmethod
    def concatenate(parts: Sequence[QueryMetrics]) -> QueryMetrics:
        """Join the queries of several blocks, in their order."""
        names = [f.name for f in fields(QueryMetrics)]
        return QueryMetrics(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))


@dataclass(frozen=True)
class Retrieval:
    """The results of N queries on one gallery of G models.

    Attributes
    ----------
    queries
        One value per query and metric.
    group
        The queries' category, as a row of `found`; shape (N,).
    found
        Number of relevant models at each rank, summed over the queries of a category; shape
        (n_groups, G). The official flavour needs only one row for all queries.
    """

    queries: QueryMetrics
    group: Ints
    found: Ints

    def of_group(self, group: int) -> Retrieval:
        """Return the queries of one category alone."""
        chosen = self.group == group
        return Retrieval(
            self.queries.select(chosen), self.group[chosen] * 0, self.found[group : group + 1]
        )


@dataclass(frozen=True)
class _Ranks:
    """Flat ranks with the query that each belongs to."""

    ranks: Ints
    n_relevant: Ints
    query: Ints

    def total(self, values: npt.NDArray[Any]) -> Floats:
        sums = np.bincount(self.query, values, minlength=len(self.n_relevant))
        return sums.astype(np.float64)

    def within(self, depth: Ints | int) -> npt.NDArray[np.bool_]:
        return self.ranks <= np.broadcast_to(depth, self.n_relevant.shape)[self.query]


def relevant_ranks(relevance: npt.NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Turn a relevance matrix into flat ranks.

    Parameters
    ----------
    relevance
        R of shape (n, G); ``R[q, k - 1]`` is true if the model at rank k has the query's category.

    Returns
    -------
    ranks
        The ranks of the relevant models, from 1, ascending, query after query.
    n_relevant
        Number of relevant models of each query, shape (n,).
    """
    return np.nonzero(relevance)[1].astype(np.int64) + 1, relevance.sum(axis=1, dtype=np.int64)


def query_metrics(
    ranks: npt.NDArray[Any],
    n_relevant: npt.NDArray[Any],
    *,
    n_models: int,
    largest: int,
    largest_queried: int | None = None,
    flavour: Flavour = "official",
) -> QueryMetrics:
    """Compute the metrics of single queries.

    Parameters
    ----------
    ranks, n_relevant
        As returned by `relevant_ranks`. Every query has at least one relevant model.
    n_models
        Gallery size G.
    largest
        T, the size of the gallery's largest category.
    largest_queried
        GTM of MPEG-7, the largest ground truth of any query; T if not given.
    flavour
        ``"official"`` or ``"legacy"``; decides DCG and ANMRR.

    Raises
    ------
    ValueError
        If a query has no relevant model, or the counts do not add up to the ranks.

    References
    ----------
    MI3DOR evaluator (SHREC'19); B. S. Manjunath et al., Color and texture descriptors (ANMRR of
    MPEG-7), IEEE TCSVT 11(6), 2001.
    """
    size = np.asarray(n_relevant, dtype=np.int64)
    if size.sum() != len(ranks) or (len(size) and size.min() < 1):
        raise ValueError("each query needs at least one relevant model, and a rank for each")
    query = np.repeat(np.arange(len(size)), size)
    r = _Ranks(np.asarray(ranks, dtype=np.int64), size, query)
    return QueryMetrics(
        n_relevant=size,
        hits=r.total(r.within(F_DEPTH)),
        nn=r.total(r.within(1)),
        ft=r.total(r.within(size)) / size,
        st=r.total(r.within(2 * size - 1)) / size,
        dcg=_dcg(r, n_models, flavour),
        anmrr=_anmrr(r, largest, flavour),
        ap=_average_precision(r),
        anmrr_mpeg7=_anmrr_mpeg7(r, largest_queried or largest),
    )


def _dcg(r: _Ranks, n_models: int, flavour: Flavour) -> Floats:
    discount = np.zeros(max(n_models, 2) + 1)
    if flavour == "legacy":
        depth = np.maximum(r.n_relevant, 2)
        discount[2:] = _log_discount(len(discount) - 2)
    else:
        depth = r.n_relevant
        discount[1:] = _log_discount(len(discount) - 1)
    gain = r.total(np.where(r.within(depth), discount[r.ranks], 0.0))
    return gain / np.cumsum(discount)[depth]


def _log_discount(n: int) -> Floats:
    """Return 1 for the first place and 1 / log2(k) for place k; shape (n,)."""
    places = np.maximum(np.arange(1, n + 1), 2)
    return np.asarray(1.0 / np.log2(places), dtype=np.float64)


def _anmrr(r: _Ranks, largest: int, flavour: Flavour) -> Floats:
    size = r.n_relevant
    legacy = flavour == "legacy"
    window = 2 * size if legacy else np.minimum(4 * size, 2 * largest)
    hit = r.within(size)
    missed = size - r.total(hit)
    mean_rank = (r.total(r.ranks * hit) + missed * (window + 1)) / size
    excess = 0.5 if legacy else -0.5
    return (mean_rank - size / 2 + excess) / (window - size / 2 + 0.5)


def _anmrr_mpeg7(r: _Ranks, largest: int) -> Floats:
    size = r.n_relevant
    window = np.minimum(4 * size, 2 * largest)
    penalised = np.where(r.within(window), r.ranks, 1.25 * window[r.query])
    best = (1 + size) / 2
    return (r.total(penalised) / size - best) / (1.25 * window - best)


def _average_precision(r: _Ranks) -> Floats:
    before = np.cumsum(r.n_relevant) - r.n_relevant
    place = np.arange(1, len(r.ranks) + 1) - before[r.query]
    return r.total(place / r.ranks) / r.n_relevant


def retrieval(
    relevance: npt.NDArray[np.bool_],
    *,
    group: npt.NDArray[Any] | None = None,
    largest: int | None = None,
    flavour: Flavour = "official",
) -> Retrieval:
    """Make a `Retrieval` from a whole relevance matrix, for sets that fit into memory.

    Parameters
    ----------
    relevance
        R of shape (N, G), as for `relevant_ranks`.
    group
        Category of each query, from 0; shape (N,). Needed for the legacy flavour only.
    largest
        T; by default the size of the largest category of any query.
    """
    ranks, size = relevant_ranks(relevance)
    queried = int(size.max())
    group = np.zeros(len(size), dtype=np.int64) if group is None else np.asarray(group, np.int64)
    found = np.zeros((int(group.max()) + 1, relevance.shape[1]), dtype=np.int64)
    np.add.at(found, (np.repeat(group, size), ranks - 1), 1)
    queries = query_metrics(
        ranks,
        size,
        n_models=relevance.shape[1],
        largest=largest or queried,
        largest_queried=queried,
        flavour=flavour,
    )
    return Retrieval(queries, group, found)


def precision_recall(found: Ints, n_queries: int) -> tuple[Floats, Floats]:
    """Compute pooled precision and recall at the depths 1..G.

    Parameters
    ----------
    found
        Relevant models at each rank, pooled over the queries; shape (G,).
    n_queries
        Number of queries pooled.
    """
    hits = np.cumsum(found)
    depths = np.arange(1, len(found) + 1)
    return hits / (n_queries * depths), hits / max(hits[-1], 1)


def f_measure(hits: float, n_queries: int, n_relevant: float) -> float:
    """F of pooled precision and recall at 20: 2 s / (20 N + sum of C) for s hits."""
    return float(2.0 * hits / (F_DEPTH * n_queries + n_relevant))


def summarise(retrieval: Retrieval, flavour: Flavour = "official") -> dict[str, float]:
    """Reduce the queries to `METRICS` and `BESIDE`.

    Official: over all queries at once. Legacy: per category, then the plain mean over categories.

    Raises
    ------
    ValueError
        If there is no query at all.
    """
    if not len(retrieval.queries):
        raise ValueError("no query to summarise")
    if flavour == "official":
        return _pooled(retrieval)
    groups = np.unique(retrieval.group)
    parts = [_pooled(retrieval.of_group(int(g))) for g in groups]
    macro = {name: float(np.mean([part[name] for part in parts])) for name in parts[0]}
    return {**macro, "mAP": macro["AUC"]}


def _pooled(retrieval: Retrieval) -> dict[str, float]:
    queries, found = retrieval.queries, retrieval.found.sum(axis=0)
    return {
        "NN": float(queries.nn.mean()),
        "FT": float(queries.ft.mean()),
        "ST": float(queries.st.mean()),
        "F": f_measure(queries.hits.sum(), len(queries), queries.n_relevant.sum()),
        "DCG": float(queries.dcg.mean()),
        "ANMRR": float(queries.anmrr.mean()),
        "AUC": float(np.trapezoid(*precision_recall(found, len(queries)))),
        "mAP": float(queries.ap.mean()),
        "ANMRR_MPEG7": float(queries.anmrr_mpeg7.mean()),
    }


def perfect_retrieval(
    n_relevant: Ints, group: Ints, *, n_models: int, largest: int, flavour: Flavour = "official"
) -> Retrieval:
    """Return the results of a perfect ranking of the same queries: the metrics' ceilings.

    Parameters
    ----------
    n_relevant, group
        C and the category of each query, shape (N,).
    n_models, largest
        G and T of the gallery.
    """
    sizes, inverse = np.unique(n_relevant, return_inverse=True)
    ranks = np.concatenate([np.arange(1, size + 1) for size in sizes])
    queries = query_metrics(
        ranks, sizes, n_models=n_models, largest=largest, largest_queried=sizes.max(),
        flavour=flavour,
    )  # fmt: skip
    found = np.zeros((int(group.max()) + 1, n_models), dtype=np.int64)
    pairs, counts = np.unique(np.stack([group, n_relevant]), axis=1, return_counts=True)
    for (row, size), count in zip(pairs.T, counts, strict=True):
        found[row, :size] += count
    return Retrieval(queries.select(inverse), group, found)


def instance_recall(
    ranks: npt.NDArray[Any], depths: Sequence[int] = RECALL_DEPTHS
) -> dict[str, float]:
    """Share of queries whose exact model ranks within each depth.

    Parameters
    ----------
    ranks
        Rank of each query's exact model, from 1; shape (n,), n >= 1.
    """
    return {f"R@{depth}": float(np.mean(np.asarray(ranks) <= depth)) for depth in depths}
