"""Exact nearest neighbours by inner product, in blocks of bounded memory, on all cores."""

from __future__ import annotations

import math

import numpy as np
from threadpoolctl import threadpool_info

from ucmgcn.core.arrays import Features, Ints
from ucmgcn.core.blocks import map_blocks

BLOCK_VALUES = 16_000_000  # scores in memory at a time, per thread
CHUNK = 65_536  # gallery vectors at a time
CSLS_NEIGHBOURS = 10  # nearest photos of a view, whose mean cosine says how much of a hub it is
# Multiply-adds below which one core finishes before the others have started.
SMALL = 100_000_000


def neighbourhood(k: int, items: int) -> int:
    """Limit k to a twentieth of the items, but to no fewer than 3.

    A neighbourhood must be smaller than a category, whose size is unknown: in a small set, a fixed
    k would link most items to other categories.
    """
    return min(k, max(3, items // 20))


def top_k(
    queries: Features, gallery: Features, k: int, *, exclude_self: bool = False
) -> tuple[Ints, Features]:
    """Find the k gallery vectors of highest inner product with each query.

    Blocks of queries run in parallel, each on one core, as many as BLAS may use threads. So not
    only the products but also the selection of the best use all cores.

    Parameters
    ----------
    queries, gallery
        Unit vectors, shapes (n, d) and (m, d), float32.
    k
        Number of neighbours; fewer if the gallery is smaller.
    exclude_self
        Query i is gallery vector i, and not its own neighbour.

    Returns
    -------
    indices, similarities
        Shapes (n, k'), best first, ties by index.
    """
    k = max(0, min(k, len(gallery) - exclude_self))
    indices = np.empty((len(queries), k), dtype=np.int64)
    similarities = np.empty((len(queries), k), dtype=np.float32)

    def fill(rows: slice) -> None:
        diagonal = rows.start if exclude_self else None
        indices[rows], similarities[rows] = _search(queries[rows], gallery, k, diagonal)

    small = queries.size * len(gallery) < SMALL
    threads = 1 if small else _threads()
    size = max(1, BLOCK_VALUES // max(1, min(CHUNK, len(gallery))))
    blocks = [slice(i, min(i + size, len(queries))) for i in range(0, len(queries), size)]
    for _ in map(fill, blocks) if small else map_blocks(fill, blocks, threads):
        pass
    return indices, similarities


def _threads() -> int:
    """Return the number of threads of BLAS, which a job's environment sets."""
    pools = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    return max(pools, default=1)


def _search(
    queries: Features, gallery: Features, k: int, diagonal: int | None
) -> tuple[Ints, Features]:
    """Search the gallery in chunks; with `diagonal`, query i is gallery vector i + `diagonal`."""
    found = np.empty((len(queries), 0), dtype=np.int64)
    values = np.empty((len(queries), 0), dtype=np.float32)
    for start in range(0, len(gallery), CHUNK):
        scores = queries @ gallery[start : start + CHUNK].T
        if diagonal is not None:
            column = np.arange(len(queries)) + diagonal - start
            here = (column >= 0) & (column < scores.shape[1])
            scores[here, column[here]] = -np.inf
        columns, best = _best(scores, k)
        # Earlier chunks have the lower indices and come first, so they win ties.
        found, values = np.hstack([found, columns + start]), np.hstack([values, best])
        order = _descending(values)[:, :k]
        found = np.take_along_axis(found, order, axis=1)
        values = np.take_along_axis(values, order, axis=1)
    return found, values


def _best(scores: Features, k: int) -> tuple[Ints, Features]:
    """Find the k highest of each row, best first, ties by index.

    Rows are cut into groups of adjacent columns. The k highest lie in the k groups with the highest
    maxima, ties by the order of the groups; only those groups are sorted.
    """
    rows, m = scores.shape
    width = math.isqrt(m // max(k, 1))
    if width < 2:
        columns = _descending(scores)[:, :k]
        return columns, np.take_along_axis(scores, columns, axis=1)
    whole = m // width * width
    maxima = scores[:, :whole].reshape(rows, -1, width).max(axis=2)
    groups = np.sort(_descending(maxima)[:, :k], axis=1)
    inside = (groups[:, :, None] * width + np.arange(width)).reshape(rows, -1)
    rest = np.broadcast_to(np.arange(whole, m), (rows, m - whole))
    columns = np.hstack([inside, rest])
    values = np.take_along_axis(scores, columns, axis=1)
    order = _descending(values)[:, :k]
    return np.take_along_axis(columns, order, axis=1), np.take_along_axis(values, order, axis=1)


def _descending(values: Features) -> Ints:
    return np.argsort(-values, axis=1, kind="stable")
