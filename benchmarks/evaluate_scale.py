"""Time and memory of `evaluate` at a given size.

The process may use at most `--limit-gib` of address space beyond what the libraries take at start;
beyond it, it fails with a MemoryError. Embeddings are random around one centre per category.

    python benchmarks/evaluate_scale.py
    python benchmarks/evaluate_scale.py --queries 100000 --models 100000 --categories 100
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import click
import numpy as np
from measuring import Row, measured, record

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from ucmgcn import evaluate_arrays

MI3DOR = 10_500 * 3_848


@click.command()
@click.option("--queries", default=10_500, show_default=True)
@click.option("--models", default=3_848, show_default=True)
@click.option("--dimensions", default=256, show_default=True)
@click.option("--categories", default=21, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--limit-gib", default=4.0, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(
    queries: int,
    models: int,
    dimensions: int,
    categories: int,
    threads: int,
    limit_gib: float,
    seed: int,
) -> None:
    """Measure embeddings of this size once."""
    limit_memory(limit_gib)
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(categories, dimensions)).astype(np.float32)
    labels = [rng.integers(categories, size=n) for n in (queries, models)]
    rows = [
        centres[label] + 4.0 * rng.standard_normal((len(label), dimensions), dtype=np.float32)
        for label in labels
    ]
    names = [[str(i) for i in label] for label in labels]
    with measured(f"{threads} threads") as taken:
        result = evaluate_arrays(rows[0], names[0], rows[1], names[1], threads=threads)
    print(result)
    part = f"evaluate: {queries:,} x {models:,} x {dimensions}"
    reached = f"{taken.seconds:.1f} s, {taken.peak:.2f} GiB"
    if queries * models <= MI3DOR:
        record(Path(__file__).stem, [Row(part, "", reached, "10 s", taken.seconds < 10)])
    else:
        wanted, met = f"{limit_gib:g} GiB", taken.peak < limit_gib
        record(f"{Path(__file__).stem}-large", [Row(part, "", reached, wanted, met)])


def limit_memory(gib: float) -> None:
    """Limit the address space to what is mapped now plus `gib` GiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + int(gib * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    main()
