"""Kill a small run over and over with SIGKILL, then compare its tables with an undisturbed run's.

    python benchmarks/soak.py --kills 50 --seed 0

The demo set runs through the pipeline once, undisturbed. Then a second run of the same files is
killed, with all its jobs, after a random time, and started again; each goes on from what the one
before had left. Once all kills are spent, a plain `snakemake` finishes it. The tables of both must
be the same to the byte. A run that ends before it is killed starts anew from one stage on, each
stage in turn. Each line says which jobs a kill has hit.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import click

ROOT = Path(__file__).parents[1]
PROJECT = ("Snakefile", "config.yaml", "rules", "workflow", "envs", "profiles")
CONFIG = [
    "shards={models: 2, images: 1}",
    "demo={models_per_category: 2, photos_per_category: 2}",
    "train={seeds: [0], epochs: 4}",
    "render={size: 64}",
]
# What is removed so that a run begins again at that stage.
STAGES = ("manifest", "views", "features", "graph", "runs", "index", "tables", "report")


def command(cores: int) -> list[str]:
    """Give the plain command that a user would run."""
    snakemake = str(Path(sys.executable).parent / "snakemake")
    return [snakemake, "--cores", str(cores), "--config", *CONFIG]


def copy_project(folder: Path) -> Path:
    """Copy what a run needs."""
    folder.mkdir()
    for name in PROJECT:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    return folder


def finish(folder: Path, cores: int) -> float:
    """Run to the end; return the seconds."""
    start = time.monotonic()
    done = subprocess.run(command(cores), cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"a plain run in {folder} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return time.monotonic() - start


def kill_once(folder: Path, cores: int, seconds: float) -> tuple[bool, set[str]]:
    """Kill a run after some seconds; tell whether it was still running, and the jobs it was at."""
    log = folder / "soak.log"
    with log.open("w") as stream:
        run = subprocess.Popen(
            command(cores), cwd=folder, stdout=stream, stderr=stream, start_new_session=True
        )
    try:
        run.wait(timeout=seconds)
        killed = False
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        killed = True
    return killed, at_work(log.read_text())


def at_work(output: str) -> set[str]:
    """Rules of the jobs that Snakemake had started and not seen end."""
    job = r"^(?:local)?rule (\w+):\n(?:    .*\n)*?    jobid: (\d+)"
    started = {number: rule for rule, number in re.findall(job, output, re.MULTILINE)}
    for number in re.findall(r"^Finished jobid: (\d+)", output, re.MULTILINE):
        started.pop(number, None)
    return set(started.values())


def differing(one: Path, other: Path) -> list[str]:
    """Names of the tables that are not the same."""
    place = Path("results/demo/tables")
    names = sorted(p.name for p in (one / place).iterdir())
    return [
        name for name in names if _content(one / place / name) != _content(other / place / name)
    ]


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b"missing"


@click.command(help=__doc__)
@click.option("--kills", default=50, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--cores", default=2, show_default=True)
def main(kills: int, seed: int, cores: int) -> None:
    """Run the soak."""
    rng, hit = random.Random(seed), Counter[str]()
    with tempfile.TemporaryDirectory() as scratch:
        calm, soaked = (copy_project(Path(scratch, name)) for name in ("calm", "soaked"))
        whole = finish(calm, cores)
        click.echo(f"undisturbed: {whole:.0f} s")
        for number in range(kills):
            seconds = rng.uniform(2, whole)
            killed, jobs = kill_once(soaked, cores, seconds)
            if killed:
                hit.update(jobs or {"between jobs"})
                click.echo(f"{number + 1}: killed after {seconds:.1f} s, at {sorted(jobs)}")
            else:
                click.echo(f"{number + 1}: had ended; {STAGES[number % len(STAGES)]} is removed")
                stage = STAGES[number % len(STAGES)]
                shutil.rmtree(soaked / "results" / "demo" / stage, ignore_errors=True)
        seconds = finish(soaked, cores)
        different = differing(calm, soaked)
    click.echo(
        f"{kills} kills; at work: {dict(hit.most_common())}; the last run took {seconds:.0f} s"
    )
    click.echo(f"tables that differ: {', '.join(different) or 'none'}")
    sys.exit(bool(different))


if __name__ == "__main__":
    main()
