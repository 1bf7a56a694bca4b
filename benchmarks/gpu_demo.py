"""The whole demo with `device: cuda`, against the CPU; called by gpu.sh.

Each run has a folder of its own. The row holds the time of the whole run and the greatest
difference of a metric; the facts hold the seconds of each job.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import click
import pandas as pd
from gpu_measuring import DEVICE, Row, save, times

ROOT = Path(__file__).parents[1]
DEVICES = {"gpu": DEVICE, "cpu": "cpu"}
METRICS = ["NN", "FT", "ST", "DCG", "mAP"]


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--settings", default="{}", help="Changes of config.yaml, as YAML.")
def main(folder: Path, out: Path, settings: str) -> None:
    seconds: dict[str, float] = {}
    for name, device in DEVICES.items():
        seconds[name] = run(folder / name, device, settings)
        jobs = {name: jobs_of(folder / name) for name in seconds}
        save(out, [row(folder, seconds)], seconds=seconds, jobs=jobs)


def run(folder: Path, device: str, settings: str, target: str = "all") -> float:
    """Run the pipeline on the demo set up to a target; return the seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    changes = folder / f"{target}.yaml"
    changes.write_text(settings, encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--cores", "all", "--scheduler", "greedy"]
    command += ["--configfile", str(changes), "--config", f"device={device}", "--", target]
    start = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - start


def jobs_of(folder: Path) -> dict[str, float]:
    """Return the seconds of each job of a run."""
    benchmarks = folder / "results" / "demo" / "benchmarks"
    tables = {path: pd.read_csv(path, sep="\t") for path in sorted(benchmarks.rglob("*.tsv"))}
    return {
        str(path.relative_to(benchmarks).with_suffix("")): float(table["s"].iloc[0])
        for path, table in tables.items()
    }


def row(folder: Path, seconds: dict[str, float]) -> Row:
    """Make the row of the runs that have ended."""
    tables = [
        pd.read_csv(folder / name / "results" / "demo" / "tables" / "metrics.csv").set_index(
            ["method", "protocol"]
        )[METRICS]
        for name in seconds
    ]
    best = tables[0].loc[("ucm-gcn", "transductive")]
    shown = ", ".join(f"{name} {value:.3f}" for name, value in best.items())
    part, gpu = f"the whole demo, device: {DEVICE}", f"{seconds['gpu']:.0f} s; {shown}"
    if len(tables) < 2:
        return Row(part, gpu)
    off = (tables[0] - tables[1]).abs().max()
    worst = f"{off.idxmax()} by {off.max():.4f} at most, over all methods"
    ratio = times(seconds["gpu"], seconds["cpu"])
    return Row(part, gpu, f"{seconds['cpu']:.0f} s", ratio, worst)


if __name__ == "__main__":
    main()
