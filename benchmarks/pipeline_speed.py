"""The whole pipeline on a data set: time, memory of the jobs, and utilisation of the cores.

    python benchmarks/pipeline_speed.py MODELS IMAGES
    python benchmarks/pipeline_speed.py MODELS IMAGES --keep FOLDER

It runs in an empty folder: nothing is cached. `busy` is the CPU time of all jobs, relative to that
of all cores over the run.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import pandas as pd
from measuring import Row, record

ROOT = Path(__file__).parents[1]
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
MINUTES = 5


@click.command(help=__doc__)
@click.argument("models", type=FOLDER)
@click.argument("images", type=FOLDER)
@click.option("--cores", default=os.cpu_count(), show_default=True)
@click.option("--keep", type=click.Path(path_type=Path), help="run in this folder, and keep it")
def main(models: Path, images: Path, cores: int, keep: Path | None) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = keep or Path(scratch)
        seconds, busy = run(folder, models.resolve(), images.resolve(), cores)
        jobs = read_jobs(folder / "results" / "bench" / "benchmarks")
    print(by_rule(jobs).to_string(float_format="%.1f"))
    memory = jobs["max_rss"].max()
    reached = (
        f"{seconds:.0f} s, the cores {100 * busy / seconds / cores:.0f} % busy, "
        f"no job above {memory:.0f} MiB"
    )
    what = f"whole pipeline: {models.parent.name}, {cores} cores"
    met = seconds <= 60 * MINUTES
    record(Path(__file__).stem, [Row(what, "", reached, f"{MINUTES} min", met)])


def run(folder: Path, models: Path, images: Path, cores: int) -> tuple[float, float]:
    """Run the pipeline; return the seconds, and the CPU time of all its processes."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--quiet", "all"]
    settings = ["dataset=bench", f"models={models}", f"images={images}"]
    before, start = used(), time.perf_counter()
    subprocess.run(
        [*command, "--directory", str(folder.resolve()), "--config", *settings],
        cwd=ROOT,
        check=True,
    )
    return time.perf_counter() - start, used() - before


def used() -> float:
    """Return the CPU time of the children that have ended, and of theirs."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def read_jobs(folder: Path) -> pd.DataFrame:
    """Read Snakemake's benchmark of each job."""
    files = sorted(folder.rglob("*.tsv"))
    rules = [path.relative_to(folder).with_suffix("").parts[0] for path in files]
    jobs = pd.concat(pd.read_csv(path, sep="\t") for path in files)
    return jobs.assign(rule=rules)


def by_rule(jobs: pd.DataFrame) -> pd.DataFrame:
    """Summarise the jobs of each rule: number, seconds, CPU time, and peak memory."""
    return jobs.groupby("rule").agg(
        jobs=("s", "size"), seconds=("s", "sum"), cpu=("cpu_time", "sum"), mib=("max_rss", "max")
    )


if __name__ == "__main__":
    main()
