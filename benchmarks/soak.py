"""Kill a small run over and over with SIGKILL, then compare its tables with an undisturbed run's.

    python benchmarks/soak.py --kills 60 --seed 0

The demo set runs through the pipeline once, undisturbed. A second run of the same files is killed
with all its jobs, and restarted with the same plain command, which resumes from what is left. Each
kill aims at a random moment of the stage that was hit least often so far; the outputs of this and
the later stages are removed first. All processes are stopped before they are killed, so that the
jobs hit are read from the processes, not guessed. After all kills, the plain command finishes the
run. Its tables must equal those of the undisturbed run byte for byte.

With --folder both runs are kept there; a later call with the same folder resumes them and the
count, so that many kills can be spread over several calls.
"""

from __future__ import annotations

import csv
import itertools
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import psutil

ROOT = Path(__file__).parents[1]
PROJECT = ("Snakefile", "config.yaml", "rules", "workflow", "envs", "profiles")
CONFIG = [
    "shards={models: 2, images: 1}",
    "demo={models_per_category: 2, photos_per_category: 2}",
    "train={seeds: [0], epochs: 4}",
    "render={size: 64}",
]
RESULTS = Path("results", "demo")
# The stages by their scripts, in running order, with their outputs.
STAGES = {
    "demo": "resources/demo",
    "manifest": "results/demo/manifest",
    "render": "results/demo/views",
    "contact_sheet": "results/demo/views/contact-sheet.png",
    "encoder": "results/demo/features/*/encoder.onnx",
    "image_features": "results/demo/features/*/images",
    "view_features": "results/demo/features/*/views",
    "rejected": "results/demo/tables/rejected.csv",
    "graph": "results/demo/graph",
    "train": "results/demo/runs/ucm-gcn",
    "propagation": "results/demo/runs/propagation",
    "index": "results/demo/index",
    "evaluate": "results/demo/tables/metrics.csv",
    "report": "results/demo/report",
}
# Only Snakemake itself is at work: it reads the Snakefile, plans, or records outputs.
NO_JOB = "no job"


def command(cores: int) -> list[str]:
    """Return the plain command that a user would run."""
    snakemake = str(Path(sys.executable).parent / "snakemake")
    return [snakemake, "--cores", str(cores), "--config", *CONFIG]


def copy_project(folder: Path) -> Path:
    """Copy the files that a run needs, unless they are there."""
    for name in PROJECT:
        if not (folder / name).exists():
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            folder.mkdir(parents=True, exist_ok=True)
            copy(ROOT / name, folder / name)
    return folder


def finish(folder: Path, cores: int) -> float:
    """Run to the end; return the seconds."""
    start = time.monotonic()
    done = subprocess.run(command(cores), cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(
            f"a plain run in {folder} failed with status {done.returncode}:\n{done.stderr[-3000:]}"
        )
    return time.monotonic() - start


def durations(folder: Path) -> dict[str, float]:
    """Read the mean seconds of a job of each stage from a finished run's benchmark files."""
    found: dict[str, list[float]] = {}
    for path in (folder / RESULTS / "benchmarks").rglob("*.tsv"):
        with path.open() as file:
            seconds = [float(row["s"]) for row in csv.DictReader(file, delimiter="\t")]
        stage = path.parent.name if path.parent.name in STAGES else path.stem
        found.setdefault(stage, []).extend(seconds)
    return {stage: statistics.fmean(seconds) for stage, seconds in found.items()}


def remove(folder: Path, pattern: str) -> None:
    """Remove the outputs of a stage."""
    for path in folder.glob(pattern):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def session(run: subprocess.Popen[bytes]) -> Iterator[psutil.Process]:
    """Yield the live processes of the session that a run leads, the run included."""
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == run.pid and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue


def at_work(run: subprocess.Popen[bytes]) -> set[str]:
    """Find the stages whose scripts are running."""
    stages = set()
    for process in session(run):
        try:
            words = " ".join(process.cmdline())
        except psutil.NoSuchProcess:
            continue
        stages.update(re.findall(r"\.snakemake/scripts/\w+\.(\w+)\.py", words))
    return stages


def wait_until_at(run: subprocess.Popen[bytes], stage: str) -> None:
    """Wait until a stage is running, or the run has ended."""
    while run.poll() is None and stage not in at_work(run):
        time.sleep(0.05)


def kill(run: subprocess.Popen[bytes]) -> set[str]:
    """Stop all processes of a run, read their stages, and kill them; empty if it had ended."""
    try:
        os.killpg(run.pid, signal.SIGSTOP)
    except ProcessLookupError:
        return set()
    alive = run.poll() is None
    stages = at_work(run) or {NO_JOB}
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    while list(session(run)):
        time.sleep(0.05)
    return stages if alive else set()


def strike(folder: Path, cores: int, stage: str, seconds: float) -> set[str]:
    """Start a run, and kill it some seconds after a stage has begun; return the stages hit."""
    for later in itertools.dropwhile(lambda name: name != stage, STAGES):
        remove(folder, STAGES[later])
    with (folder / "soak.log").open("wb") as log:
        run = subprocess.Popen(
            command(cores), cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
    if stage in STAGES:
        wait_until_at(run, stage)
    time.sleep(seconds)
    return kill(run)


def differing(one: Path, other: Path) -> list[str]:
    """List the tables that differ."""
    place = RESULTS / "tables"
    names = sorted(p.name for p in (one / place).iterdir())
    return [
        name for name in names if _content(one / place / name) != _content(other / place / name)
    ]


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b"missing"


def read_count(path: Path) -> tuple[int, Counter[str]]:
    """Read the number of kills so far, and how often each stage was hit."""
    hit = Counter[str](dict.fromkeys([*STAGES, NO_JOB], 0))
    if not path.exists():
        return 0, hit
    before = json.loads(path.read_text())
    hit.update(before["hit"])
    return before["kills"], hit


def soak(place: Path, cores: int, more: int, seed: int) -> tuple[int, Counter[str]]:
    """Kill a run `more` times; return the total number of kills, and the hits of each stage."""
    typical, count = durations(place / "calm"), place / "hits.json"
    kills, hit = read_count(count)
    rng, until = random.Random(f"{seed} {kills}"), kills + more
    while kills < until:
        stage = min(hit, key=hit.__getitem__)
        seconds = rng.uniform(0, typical.get(stage, 3))
        stages = strike(place / "soaked", cores, stage, seconds)
        hit.update(stages)
        kills += bool(stages)
        count.write_text(json.dumps({"kills": kills, "hit": hit}))
        what = f"killed at {', '.join(sorted(stages))}" if stages else "had ended"
        click.echo(f"{kills}: {seconds:.1f} s into {stage}: {what}")
    return kills, hit


@click.command(help=__doc__)
@click.option("--kills", default=60, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--cores", default=2, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path))
def main(kills: int, seed: int, cores: int, folder: Path | None) -> None:
    """Run the soak test."""
    with tempfile.TemporaryDirectory() as scratch:
        place = folder or Path(scratch)
        calm, soaked = (copy_project(place / name) for name in ("calm", "soaked"))
        click.echo(f"undisturbed: {finish(calm, cores):.0f} s")
        kills, hit = soak(place, cores, kills, seed)
        seconds = finish(soaked, cores)
        different = differing(calm, soaked)
    click.echo(f"{kills} kills; at work: {dict(hit)}; the last run took {seconds:.0f} s")
    click.echo(f"tables that differ: {', '.join(different) or 'none'}")
    sys.exit(bool(different))


if __name__ == "__main__":
    main()
