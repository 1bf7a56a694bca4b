"""Time of Snakemake itself: to plan a large set, and to find that there is nothing to do.

    python benchmarks/snakemake_speed.py
    python benchmarks/snakemake_speed.py --finished FOLDER

The large set consists of one-byte files, which planning, a dry run, does not open. FOLDER is a
working directory with a finished run of the demo set; without it, the demo runs first, which takes
minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import psutil
from measuring import GIB, Row, processor_time, record

ROOT = Path(__file__).parents[1]
CATEGORIES = 55
Taken = tuple[float, float]


@click.command(help=__doc__)
@click.option("--models", default=100_000, show_default=True)
@click.option("--images", default=100_000, show_default=True)
@click.option("--shards", default=100, show_default=True, help="of the models, and of the images")
@click.option("--rounds", default=3, show_default=True)
@click.option("--finished", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(models: int, images: int, shards: int, rounds: int, finished: Path | None) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        planning, gib = plan(folder, models, images, shards, rounds)
        if finished is None:
            finished = folder / "demo"
            finished.mkdir()
            snakemake(finished)
        idle = min(snakemake(finished, says="Nothing to be done") for _ in range(rounds))
    record(
        Path(__file__).stem,
        [
            Row(
                f"Snakemake: planning {models:,} models and {images:,} photos", "",
                f"{describe(planning)}; {gib:.2f} GiB", "15 s", planning[0] < 15,
            ),
            Row("Snakemake: nothing to do on the demo", "", describe(idle), "5 s", idle[0] < 5),
        ],
    )  # fmt: skip


def describe(taken: Taken) -> str:
    """Format the wall and CPU time of a run."""
    return f"{taken[0]:.1f} s, of the processor {taken[1]:.1f} s"


def plan(folder: Path, models: int, images: int, shards: int, rounds: int) -> tuple[Taken, float]:
    """Plan a set of one-byte files; return the best of the times, and the memory in GiB."""
    for role, suffix, items in (("models", ".obj", models), ("images", ".jpg", images)):
        for category in range(CATEGORIES):
            (folder / role / f"{category:03d}").mkdir(parents=True)
        for item in range(items):
            (folder / role / f"{item % CATEGORIES:03d}" / f"{item:06d}{suffix}").write_bytes(b"#")
    config = folder / "large.yaml"
    config.write_text(
        f"dataset: large\nmodels: {folder / 'models'}\nimages: {folder / 'images'}\n"
        f"shards: {{models: {shards}, images: {shards}}}\n"
    )
    arguments = ("-n", "--quiet", "--configfile", str(config))
    best = min(snakemake(folder, *arguments) for _ in range(rounds))
    return best, memory(folder, *arguments)


def snakemake(folder: Path, *arguments: str, says: str = "") -> Taken:
    """Run Snakemake in a folder; return wall and CPU seconds."""
    start, busy = time.perf_counter(), processor_time()
    done = subprocess.run(
        command(folder, *arguments), cwd=ROOT, text=True, capture_output=True, check=False
    )
    taken = time.perf_counter() - start, processor_time() - busy
    output = done.stdout + done.stderr
    if done.returncode or says not in output:
        raise click.ClickException(f"snakemake {' '.join(arguments)}:\n{output[-2000:]}")
    return taken


def memory(folder: Path, *arguments: str) -> float:
    """Run it once more, and measure its peak resident memory, GiB."""
    with psutil.Popen(
        command(folder, *arguments), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        highest = 0
        while process.poll() is None:
            status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            highest = max([highest, *(int(s.split()[1]) for s in status if s.startswith("VmHWM"))])
            time.sleep(0.05)
    return highest / GIB


def command(folder: Path, *arguments: str) -> list[str]:
    """Return the command of this environment's Snakemake, with another working directory."""
    cores = ("--cores", str(os.cpu_count()), "--directory", str(folder))
    return [sys.executable, "-m", "snakemake", *cores, *arguments]


if __name__ == "__main__":
    main()
