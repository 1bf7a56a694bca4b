"""Exact nearest neighbours by cosine, in blocks of bounded memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
BLOCK_VALUES = 32_000_000


def neighbourhood(k: int, items: int) -> int:
    """Number of neighbours: k, but at most a twentieth of the items, and at least 3.

    A neighbourhood must be smaller than a category, whose size is not known: in a small set, a
    fixed k would link most items to other categories.
    """
    return min(k, max(3, items // 20))


def top_k(
    queries: Features, gallery: Features, k: int, *, exclude_self: bool = False
) -> tuple[Indices, Features]:
    """Find the k gallery vectors of highest inner product with each query.

    Parameters
    ----------
    queries, gallery
        Unit vectors, shapes (n, d) and (m, d), float32.
    k
        Neighbours wanted; fewer are given where the gallery is smaller.
    exclude_self
        Query i is gallery vector i and not its own neighbour.

    Returns
    -------
    indices, similarities
        Shapes (n, k'), best first, ties by index.
    """
    k = max(0, min(k, len(gallery) - exclude_self))
    indices = np.empty((len(queries), k), dtype=np.int64)
    similarities = np.empty((len(queries), k), dtype=np.float32)
    rows = max(1, BLOCK_VALUES // max(1, len(gallery)))
    for start in range(0, len(queries), rows):
        block = queries[start : start + rows] @ gallery.T
        if exclude_self:
            here = np.arange(len(block))
            block[here, start + here] = -np.inf
        part = slice(start, start + rows)
        indices[part], similarities[part] = _best(block, k)
    return indices, similarities


def _best(scores: Features, k: int) -> tuple[Indices, Features]:
    if k < scores.shape[1]:
        found = np.sort(np.argpartition(-scores, k, axis=1)[:, :k], axis=1)
    else:
        found = np.tile(np.arange(k), (len(scores), 1))
    values = np.take_along_axis(scores, found, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1), np.take_along_axis(values, order, axis=1)
