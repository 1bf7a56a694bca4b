"""Blocks of queries, so that memory does not grow with the number of queries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

T = TypeVar("T")


BLOCK_SCORES = 8_000_000


def block_slices(n_queries: int, n_models: int, block_size: int | None = None) -> list[slice]:
    """Split the queries into blocks of `block_size`, by default of about 8 million scores."""
    size = block_size or min(max(BLOCK_SCORES // max(n_models, 1), 1), 1024)
    return [slice(start, min(start + size, n_queries)) for start in range(0, n_queries, size)]


def map_blocks(
    work: Callable[[slice], T], blocks: Sequence[slice], threads: int = 1
) -> Iterator[T]:
    """Yield ``work(block)`` in order; each thread runs its linear algebra on one core."""
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        yield from pool.map(work, blocks)
