"""The whole demo with `device: cuda`, against the CPU; called by gpu.sh.

Each run has a folder of its own. The table holds the time of the whole run and the greatest
difference of a metric.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import pandas as pd
from gpu_measuring import DEVICE, Row, save, times

ROOT = Path(__file__).parents[1]
KEYS = ["method", "protocol"]
METRICS = ["NN", "FT", "ST", "DCG", "mAP"]
Finished = tuple[float, pd.DataFrame, dict[str, float]]


@click.command(help=__doc__)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--settings", default="{}", help="Changes of config.yaml, as YAML.")
def main(out: Path, settings: str) -> None:
    found: dict[str, Finished] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, device in (("gpu", DEVICE), ("cpu", "cpu")):
            found[name] = run(Path(scratch, name), device, settings)
            save(out, rows(found), **{name: run[2] for name, run in found.items()})


def run(folder: Path, device: str, settings: str) -> Finished:
    """Run the pipeline; return its seconds, its metrics, and the seconds of each job."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--cores", "all", "--scheduler", "greedy"]
    folder.mkdir()
    (folder / "changes.yaml").write_text(settings, encoding="utf-8")
    command += ["--configfile", str(folder / "changes.yaml"), "--config", f"device={device}"]
    start = time.perf_counter()
    subprocess.run(command, check=True)
    taken = time.perf_counter() - start
    results = folder / "results" / "demo"
    jobs = {
        str(path.relative_to(results / "benchmarks").with_suffix("")): float(
            pd.read_csv(path, sep="\t")["s"].iloc[0]
        )
        for path in sorted((results / "benchmarks").rglob("*.tsv"))
    }
    metrics = pd.read_csv(results / "tables" / "metrics.csv").set_index(KEYS)
    return taken, metrics, jobs


def rows(found: dict[str, Finished]) -> list[Row]:
    """Make the row of the runs that have ended."""
    (gpu, metrics, _), *others = found.values()
    best = metrics.loc[("ucm-gcn", "transductive"), METRICS]
    shown = ", ".join(f"{name} {value:.3f}" for name, value in best.items())
    part = f"the whole demo, device: {DEVICE}"
    if not others:
        return [Row(part, f"{gpu:.0f} s; {shown}")]
    cpu, reference, _ = others[0]
    off = (metrics[METRICS] - reference[METRICS]).abs().max()
    worst = f"{off.idxmax()} by {off.max():.4f} at most, of every method"
    return [Row(part, f"{gpu:.0f} s; {shown}", f"{cpu:.0f} s", times(gpu, cpu), worst)]


if __name__ == "__main__":
    main()
