"""Rerun the published results, and compare them with the tables in docs/results.

    python benchmarks/reproduce.py              the demo set and the furniture
    python benchmarks/reproduce.py --psb DIR    and psb-caltech-18: DIR/models, DIR/images
    python benchmarks/reproduce.py demo         only these sets
    python benchmarks/reproduce.py --update     rewrite docs/results, and the pages that show them

Exits with status 0 if nothing changed by more than the tolerance, else with 1.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import pandas as pd
import yaml

from ucmgcn.evaluate.metrics import METRICS, RECALLS

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / "docs" / "results"
MADE = Path("results") / ".reproduced"
TABLES = ("metrics.csv", "significance.csv")
KEYS = {
    "metrics.csv": ["method", "supervision", "protocol"],
    "significance.csv": ["method", "protocol", "baseline", "metric"],
}
# Columns that are compared: means, and differences of means.
COUNTS = ("n_seeds", "n_queries", "n_models")
VALUES = {
    "metrics.csv": (*METRICS, *RECALLS),
    "significance.csv": ("difference",),
}


@dataclass(frozen=True)
class Run:
    """One run of the pipeline, and the name under which its tables are published."""

    name: str
    config: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


def runs(psb: Path | None) -> list[Run]:
    """List the runs in their order; results/ keeps the last run of each data set."""
    all_rows = {"evaluate": {"protocols": ["transductive", "inductive", "open", "skewed"]}}
    found = [
        Run("demo", settings=all_rows),
        Run(
            "sweethome3d-graph-alone",
            {"dataset": "sweethome3d"},
            {"propagation": {"residual": 0, "familiarity": False}},
        ),
        Run("sweethome3d", {"dataset": "sweethome3d"}),
    ]
    if psb:
        config = {"dataset": "psb", "models": f"{psb}/models", "images": f"{psb}/images"}
        found += [
            Run("psb-source", config, {"train": {"supervision": "source"}}),
            Run("psb", config, all_rows),
        ]
    return found


def make(run: Run, cores: str) -> Path:
    """Run the pipeline up to its tables, and keep the published ones."""
    words = [f"{key}={value}" for key, value in run.config.items()]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "settings.yaml"
        file.write_text(yaml.safe_dump(run.settings))
        command = ["snakemake", "--cores", cores, "--quiet", "all"]
        command += ["--config", *words] if words else []
        command += ["--configfile", str(file)] if run.settings else []
        subprocess.run([*command, "--", "evaluate"], check=True)
    kept = MADE / run.name
    kept.mkdir(parents=True, exist_ok=True)
    for table in TABLES:
        source = Path("results") / run.config.get("dataset", "demo") / "tables" / table
        shutil.copyfile(source, kept / table)
    return kept


def compare(made: Path, published: Path, tolerance: float) -> tuple[float, list[str]]:
    """Compare two folders of tables.

    Returns
    -------
    largest
        The largest difference of a value.
    moved
        A line for each value that changed by more than the tolerance, and for each new or missing
        row.
    """
    largest, moved = 0.0, []
    for table in TABLES:
        new, old = (pd.read_csv(f / table).set_index(KEYS[table]) for f in (made, published))
        moved += [f"{table}: no row {', '.join(row)}" for row in old.index.difference(new.index)]
        moved += [f"{table}: new row {', '.join(row)}" for row in new.index.difference(old.index)]
        both = old.index.intersection(new.index)
        for name in (*COUNTS, *VALUES[table]):
            if name not in old or name not in new:
                continue
            change = (new.loc[both, name] - old.loc[both, name]).astype(float)
            largest = max(largest, change.abs().max()) if change.notna().any() else largest
            limit = 0 if name in COUNTS else tolerance
            for row, by in change[change.abs() > limit].items():
                was = float(old.loc[row, name])
                moved.append(f"{table}: {', '.join(row)}: {name} {was:.3f} -> {was + by:.3f}")
    return largest, moved


def report(name: str, largest: float, moved: Sequence[str]) -> None:
    """Print the changes of a run."""
    click.echo(f"{name:24} largest change {largest:.5f}  {'MOVED' if moved else 'the same'}")
    for line in moved:
        click.echo(f"  {line}")


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1)
@click.option("--psb", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--tolerance", default=0.005, show_default=True, help="Of a mean or a difference.")
@click.option("--cores", default="all", show_default=True, help="As for snakemake.")
@click.option("--update", is_flag=True, help="Publish the new results.")
def main(
    names: Sequence[str], psb: Path | None, tolerance: float, cores: str, update: bool
) -> None:
    """Make, compare, print."""
    wanted = [run for run in runs(psb) if not names or run.name in names]
    if unknown := set(names) - {run.name for run in wanted}:
        raise click.UsageError(f"there is no {', '.join(sorted(unknown))} here; psb wants --psb")
    any_moved = False
    results = []
    for run in wanted:
        made = make(run, cores)
        if update:
            shutil.copytree(made, PUBLISHED / run.name, dirs_exist_ok=True)
        results.append((run.name, *compare(made, PUBLISHED / run.name, tolerance)))
    for name, largest, moved in results:
        report(name, largest, moved)
        any_moved |= bool(moved)
    if not psb and not names:
        click.echo("psb, psb-source          not run: name the folder (make reproduce PSB=DIR)")
    if update:
        subprocess.run([sys.executable, str(ROOT / "docs" / "results.py")], check=True)
    sys.exit(1 if any_moved else 0)


if __name__ == "__main__":
    main()
