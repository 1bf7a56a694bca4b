"""Latency of `ucmgcn query`: the first photo of a call, and each further one.

    python benchmarks/query_speed.py --dataset NAME --photos DIR [--results DIR] [--calls 5]

The first answer is timed from the start of the program to its end. The time of a further photo is
the extra time of a call with many photos, divided by the number of extra photos.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
from measuring import Row, record

from ucmgcn.media.formats import PHOTO_SUFFIXES

FIRST, FURTHER = 4.0, 0.150  # seconds


def seconds(photos: Sequence[Path], dataset: str, results: Path) -> float:
    """Time one call."""
    program = Path(sys.executable).parent / "ucmgcn"
    command = [program, "query", *photos, "--dataset", dataset, "--results", results, "--csv"]
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


@click.command(help=__doc__)
@click.option("--dataset", required=True)
@click.option("--photos", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--results", type=click.Path(path_type=Path), default="results", show_default=True)
@click.option("--calls", default=5, show_default=True)
@click.option("--many", default=100, show_default=True)
def main(dataset: str, photos: Path, results: Path, calls: int, many: int) -> None:
    files = [p for p in sorted(photos.rglob("*")) if p.suffix.lower() in PHOTO_SUFFIXES]
    chosen = files[:: max(1, len(files) // many)][:many]
    firsts = [seconds(chosen[:1], dataset, results) for _ in range(calls)]
    wholes = [seconds(chosen, dataset, results) for _ in range(calls)]
    first, whole = statistics.median(firsts), statistics.median(wholes)
    further = (whole - first) / (len(chosen) - 1)
    print(f"calls with 1 photo:   {' '.join(f'{s:.2f}' for s in firsts)} s")
    print(f"calls with {len(chosen)} photos: {' '.join(f'{s:.2f}' for s in wholes)} s")
    record(
        "query_speed",
        [
            Row(
                "query, first answer",
                "",
                f"{max(firsts):.2f} s",
                f"{FIRST:g} s",
                max(firsts) <= FIRST,
            ),
            Row(
                "query, each further photo",
                "",
                f"{1000 * further:.0f} ms",
                f"{1000 * FURTHER:.0f} ms",
                further <= FURTHER,
            ),
        ],
    )


if __name__ == "__main__":
    main()
