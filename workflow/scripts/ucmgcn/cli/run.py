"""The command `run`: the whole pipeline, from any folder."""

from __future__ import annotations

import importlib.util
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ucmgcn.cli.table import format_metrics
from ucmgcn.core.errors import UserError
from ucmgcn.demo.catalogue import CATEGORIES
from ucmgcn.pipeline.project import project_folder
from ucmgcn.settings import DemoConfig

# Of Snakemake's options: what only shows, and so has no end to speak of.
LOOKS = {"-n", "--dry-run", "--dryrun", "--dag", "--rulegraph", "--summary", "--lint", "--help"}

# A scheduler counts its cores itself.
ELSEWHERE = {"--workflow-profile", "--profile", "--executor", "-e", "--jobs", "-j", "--cores", "-c"}
DGL = "dgl==1.1.3"


@click.command()
@click.option("--models", metavar="DIR", help="Folder of your meshes; the demo set if not given.")
@click.option("--photos", metavar="DIR", help="Folder of your photos; models are enough.")
@click.option("--dataset", metavar="NAME", help="Name for the results; that of the models' folder.")
@click.option("--cores", metavar="N", help="Cores to use; all of this machine if not given.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[-- SNAKEMAKE OPTIONS]")
def run(
    models: str | None,
    photos: str | None,
    dataset: str | None,
    cores: str | None,
    options: tuple[str, ...],
) -> None:
    """Run the pipeline in this folder: results go to results/NAME.

    A line tells when a stage begins; each job's log is in results/NAME/logs. What was made stays:
    run it again after a change, or after an error, and only what is missing is made. All that
    snakemake takes may follow two hyphens: targets, --config KEY=VALUE, --workflow-profile slurm.

    \b
    Examples:
      ucmgcn run --cores 2
      ucmgcn run --models path/to/meshes --photos path/to/photos
      ucmgcn run --models path/to/meshes --dataset chairs -- --config device=cpu
    """  # noqa: D301
    if photos and not models:
        raise click.UsageError("--photos needs --models: the meshes that the photos may show")
    _check_dgl()
    name = dataset or (dataset_name(Path(models)) if models else "demo")
    config = [f"dataset={name}", f"models={models}", f"images={photos or ''}"] if models else []
    looks = not LOOKS.isdisjoint(options)
    if not looks:
        click.echo(_plan(name, models, photos))
    code = _snakemake(cores, config, options)
    if code == 0 and not looks:
        click.echo(_outcome(name, Path("results", name)))
    sys.exit(code)


def _check_dgl() -> None:
    """Say how to install DGL where a package manager could not, before anything is begun."""
    if importlib.util.find_spec("dgl") is None:
        raise UserError(
            "DGL is not installed. The wheel for Python 3.11 runs on newer ones too: "
            f"{sys.executable} -m pip install --no-deps --only-binary=:all: --implementation cp "
            f"--python-version 3.11 --abi cp311 --target {Path(__file__).parents[2]} {DGL}"
        )


def dataset_name(models: Path) -> str:
    """Name for the results of a folder's models."""
    name = re.sub(r"[^A-Za-z0-9_.+-]+|^[^A-Za-z0-9]+", "-", models.resolve().name).strip("-.")
    return name if name and name != "demo" else "mine"


def _plan(name: str, models: str | None, photos: str | None) -> str:
    """Say in a line what is going to be done."""
    if models is None:
        demo = DemoConfig()
        meshes, pictures = (
            n * len(CATEGORIES) for n in (demo.models_per_category, demo.photos_per_category)
        )
        return (
            f"ucmgcn: making a demo set of {meshes} meshes and {pictures} pictures, and a search "
            f"library of it in results/{name}: about 3 minutes on two cores"
        )
    of = f" and the photos in {photos}" if photos else ""
    return f"ucmgcn: making a search library of the meshes in {models}{of}, in results/{name}"


def _snakemake(cores: str | None, config: Sequence[str], options: Sequence[str]) -> int:
    """Run Snakemake as its command would, and return its exit status.

    It takes what is typed at the terminal itself: on Ctrl-C it ends its jobs, and is waited for.
    """
    # Without -P, modules of the user's folder would be taken for those of the standard library.
    command = [sys.executable, "-P", "-m", "snakemake", "--snakefile"]
    command += [str(project_folder() / "Snakefile"), *_with_config(options, config, cores)]
    with subprocess.Popen(command) as process:
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def _with_config(options: Sequence[str], config: Sequence[str], cores: str | None) -> list[str]:
    """Add keys of the configuration, the cores and the progress to Snakemake's options.

    Of two ``--config`` Snakemake takes the second alone, so that what is given is put together.
    """
    options = list(options)
    for flag in ("--config", "-C"):
        if flag in options and config:
            at = options.index(flag) + 1
            options[at:at], config = config, []
    own = ["--config", *config] if config else []
    if cores or ELSEWHERE.isdisjoint(options):
        own += ["--cores", cores or "all"]
    # With "=": a target that follows is no second logger.
    return [*own, "--logger=ucmgcn", *options]


def _outcome(name: str, results: Path) -> str:
    """Show the metrics, if some were made, and what to do next."""
    lines = []
    if (results / "tables/metrics.csv").is_file():
        lines += [format_metrics(results / "tables/metrics.csv"), ""]
    if not (results / "report/index.html").is_file():
        return "\n".join(lines)
    command = "ucmgcn" if shutil.which("ucmgcn") else sys.argv[0]
    shown = [
        (f"open {results / 'report/index.html'}", "the report"),
        (f"{command} serve --dataset {name}", "search with a photo in your browser"),
        (f"{command} run --models DIR --photos DIR", "your own data; models are enough"),
    ]
    width = max(len(words) for words, _ in shown)
    return "\n".join([*lines, "Next:", *(f"  {words:<{width}}  {why}" for words, why in shown)])
