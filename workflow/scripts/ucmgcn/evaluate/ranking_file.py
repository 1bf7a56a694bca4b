"""The ranking: the first models of every query, as gzipped CSV.

There are millions of rows, so parts of them are formatted and compressed in parallel. Neither
pandas nor pyarrow writes scores with fixed decimals at this speed.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ucmgcn.evaluate.assess import RetrievalTask
from ucmgcn.evaluate.results import Result
from ucmgcn.files.digest import sealed_path

QUERIES_PER_PART = 1024


def write_ranking(
    path: Path, task: RetrievalTask, results: Sequence[Result], top: int, threads: int = 1
) -> None:
    """Write the first `top` models of each query, for the first seed of each method, gzipped.

    The gzip headers have no name and no time, so equal rankings give equal bytes. Parts are
    compressed in parallel: the file is a sequence of gzip members.
    """
    columns = ("query", "method", "rank", "model", "score", "hit", "protocol", "seed")
    starts = range(0, len(task.queries), QUERIES_PER_PART)
    parts = [
        (r, range(len(task.queries))[i : i + QUERIES_PER_PART]) for r in results for i in starts
    ]
    models = [_quoted(model) for model in task.models]

    def compressed(part: tuple[Result, range]) -> bytes:
        return _gzipped("".join(_ranking_lines(task, *part, models, top)))

    with (
        sealed_path(path) as partial,
        partial.open("wb") as out,
        ThreadPoolExecutor(threads) as pool,
    ):
        out.write(_gzipped(",".join(columns) + "\n"))
        out.writelines(pool.map(compressed, parts))


def _ranking_lines(
    task: RetrievalTask, result: Result, queries: range, models: Sequence[str], top: int
) -> Iterator[str]:
    run, seed = result.runs[0], result.seeds[0]
    for q in queries:
        head = f"{_quoted(task.queries[q])},{result.method}"
        tail = f"{result.protocol},{seed}\n"
        best = run.top[q, :top]
        correct = (task.model_codes[best] == task.query_codes[q]) & task.evaluated[q]
        shown = correct.astype(int).tolist() if task.query_labels[q] else [""] * len(best)
        row = zip(best.tolist(), run.top_scores[q, :top].tolist(), shown, strict=True)
        for rank, (model, score, hit) in enumerate(row, 1):
            yield f"{head},{rank},{models[model]},{score:.6f},{hit},{tail}"


def _quoted(name: str) -> str:
    """Write a name as a cell of a CSV file."""
    special = any(mark in name for mark in ',"\r\n')
    return '"' + name.replace('"', '""') + '"' if special else name


def _gzipped(text: str) -> bytes:
    return gzip.compress(text.encode("utf-8"), compresslevel=6, mtime=0)
