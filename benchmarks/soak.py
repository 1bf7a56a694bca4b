"""Do to a small run what machines and people do to it, for some minutes; print what came of it.

    python benchmarks/soak.py --minutes 30 --seed 0

The demo set runs through the pipeline once, undisturbed. A second run of the same files is then
disturbed over and over, by the fault that was tried least often so far:

kill all        SIGKILL to all of its processes, at a random moment of a stage
kill main       SIGKILL to Snakemake alone, at such a moment: its jobs have to end by themselves
disk full       no file may grow beyond a random size (RLIMIT_FSIZE), from a random stage on
flipped bit     a bit of a random file of the finished results, which keeps its times: the stages
                that read it have to name it, or to make the same tables
second run      another run of the same data set while one goes on: it has to be refused

A stage's outputs, and those of the later ones, are removed before a fault aims at it, so that
there is work to disturb. The plain command has to go on after each fault; a fault is survived if
what is named above holds. After all faults the plain command finishes the run. Its tables must
equal those of the undisturbed run byte for byte.

With --folder both runs are kept there; a later call with the same folder goes on with the count.
"""

from __future__ import annotations

import csv
import itertools
import json
import os
import random
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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
    "self_check": "results/demo/tables/models.csv",
    "encoder": "results/demo/features/*/encoder.onnx",
    "image_features": "results/demo/features/*/images",
    "view_features": "results/demo/features/*/views",
    "rejected": "results/demo/tables/rejected.csv",
    "graph": "results/demo/graph",
    "train": "results/demo/runs/ucm-gcn",
    "baselines": "results/demo/runs/[!u]*",
    "index": "results/demo/index",
    "evaluate": "results/demo/tables/metrics.csv",
    "report": "results/demo/report",
}
# Only Snakemake itself is at work: it reads the Snakefile, plans, or records outputs.
NO_JOB = "no job"
# Together they read every file that any stage or search reads, but for the pixels of views.
READERS = ["--forcerun", "index", "evaluate", "report"]
PATIENCE = 60  # seconds in which the jobs of a killed run have to end
SIZES = (3.3, 6.3)  # powers of 10: bytes that a file may have on a full disk


@dataclass
class Soak:
    """Two runs, and what was done to the second one.

    Attributes
    ----------
    calm, folder
        The undisturbed run, and the other.
    tried, survived
        How often, by fault.
    hit
        How often a kill hit each stage.
    """

    calm: Path
    folder: Path
    cores: int
    rng: random.Random
    typical: dict[str, float] = field(default_factory=dict)
    tried: Counter[str] = field(default_factory=Counter)
    survived: Counter[str] = field(default_factory=Counter)
    hit: Counter[str] = field(default_factory=Counter)

    def command(self, *words: str) -> list[str]:
        """Return the command that a user would run."""
        snakemake = str(Path(sys.executable).parent / "snakemake")
        return [snakemake, "--cores", str(self.cores), *words, "--config", *CONFIG]

    def run(self, folder: Path, *words: str, **how: object) -> subprocess.CompletedProcess[str]:
        """Run to the end, or to its failure; standard error has both streams."""
        done = subprocess.run(
            self.command(*words), cwd=folder, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, **how,
        )  # fmt: skip
        return done

    def finish(self, folder: Path, *words: str) -> None:
        """Run the plain command to the end; a failure ends the soak: something was lost."""
        done = self.run(folder, *words)
        if done.returncode:
            sys.exit(f"a plain run in {folder} failed ({done.returncode}):\n{done.stdout[-3000:]}")

    def start(self) -> tuple[str, subprocess.Popen[bytes]]:
        """Remove the outputs of a stage and the later ones, and start a run that makes them."""
        stage = min(STAGES, key=lambda name: (self.hit[name], self.rng.random()))
        for later in itertools.dropwhile(lambda name: name != stage, STAGES):
            remove(self.folder, STAGES[later])
        with (self.folder / "soak.log").open("wb") as log:
            run = subprocess.Popen(
                self.command(), cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        while run.poll() is None and stage not in at_work(run):
            time.sleep(0.05)
        return stage, run

    def count(self, run: subprocess.Popen[bytes], stages: set[str]) -> None:
        """Count what a kill hit."""
        self.hit.update(stages or {NO_JOB})
        run.wait()


def kill_all(soak: Soak) -> str:
    """Kill all processes of a run; stopped before, so that the stages hit are known."""
    stage, run = soak.start()
    time.sleep(soak.rng.uniform(0, soak.typical.get(stage, 3)))
    try:
        os.killpg(run.pid, signal.SIGSTOP)
        stages = at_work(run)
        os.killpg(run.pid, signal.SIGKILL)
    except ProcessLookupError:
        stages = {stage}  # it has ended
    soak.count(run, stages)
    return "" if is_gone(run) else "processes are left"


def kill_main(soak: Soak) -> str:
    """Kill Snakemake alone: its jobs have to end by themselves."""
    stage, run = soak.start()
    time.sleep(soak.rng.uniform(0, soak.typical.get(stage, 3)))
    stages = at_work(run)
    run.kill()
    soak.count(run, stages)
    if is_gone(run):
        return ""
    os.killpg(run.pid, signal.SIGKILL)
    return f"jobs outlived the run ({', '.join(sorted(stages))})"


def fill_disk(soak: Soak) -> str:
    """Run where no file may grow beyond some size."""
    most = int(10 ** soak.rng.uniform(*SIZES))
    stage = soak.rng.choice(list(STAGES))
    for later in itertools.dropwhile(lambda name: name != stage, STAGES):
        remove(soak.folder, STAGES[later])

    def bound() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    done = soak.run(soak.folder, preexec_fn=bound)
    # What cannot be written may be a log, or a file of Snakemake's own.
    told = re.search(r"File too large|cannot be written|disk|I/O", done.stdout)
    return "" if not done.returncode or told else f"at {most} bytes it says: {done.stdout[-500:]}"


def flip_bit(soak: Soak) -> str:
    """Flip a bit of a file of the finished results."""
    soak.finish(soak.folder)
    home = soak.folder / RESULTS
    unread = ("logs", "benchmarks", "report")
    files = [p for p in sorted(home.rglob("*")) if p.is_file() and p.stat().st_size]
    path = soak.rng.choice([p for p in files if p.relative_to(home).parts[0] not in unread])
    status, whole = path.stat(), path.read_bytes()
    content = bytearray(whole)
    place = soak.rng.randrange(len(content))
    content[place] ^= 1 << soak.rng.randrange(8)
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    done = soak.run(soak.folder, "--keep-going", *READERS)
    owner = owner_of(path).relative_to(soak.folder)
    if done.returncode:
        named = f"{owner} is damaged" in done.stdout and "Traceback" not in done.stdout
        (soak.folder / owner).unlink()
        soak.finish(soak.folder, "all", str(owner))
        return "" if named else f"{owner}, byte {place}: {done.stdout[-500:]}"
    different = differing(soak)
    # Mended or not: the search that shows views reads them, a table is written anew.
    if path.read_bytes() == bytes(content):
        path.write_bytes(whole)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return f"{owner}, byte {place}: other tables: {', '.join(different)}" if different else ""


def run_twice(soak: Soak) -> str:
    """Start a second run while one goes on."""
    stage, run = soak.start()
    if run.poll() is not None:
        return ""
    done = soak.run(soak.folder)
    refused = "another snakemake is writing" in done.stdout and "Traceback" not in done.stdout
    went_on = run.wait() == 0
    if refused and went_on:
        return ""
    # The first may have ended just before the second began.
    return "" if went_on and not done.returncode else f"in {stage}: {done.stdout[-500:]}"


FAULTS: dict[str, Callable[[Soak], str]] = {
    "kill all": kill_all,
    "kill main": kill_main,
    "disk full": fill_disk,
    "flipped bit": flip_bit,
    "second run": run_twice,
}


def owner_of(path: Path) -> Path:
    """Return the file whose digest a file is; else the file."""
    if path.suffix != ".sha256":
        return path
    return path.with_name(path.name.removeprefix(".").removesuffix(".sha256"))


def copy_project(folder: Path) -> Path:
    """Copy the files that a run needs, unless they are there."""
    for name in PROJECT:
        if not (folder / name).exists():
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            folder.mkdir(parents=True, exist_ok=True)
            copy(ROOT / name, folder / name)
    return folder


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


def is_gone(run: subprocess.Popen[bytes]) -> bool:
    """Wait until no process of a run is left; False if some are after `PATIENCE`."""
    end = time.monotonic() + PATIENCE
    while list(session(run)):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


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


def differing(soak: Soak) -> list[str]:
    """List the tables that differ from those of the undisturbed run."""
    place = RESULTS / "tables"
    names = sorted(p.name for p in (soak.calm / place).iterdir())
    return [
        name
        for name in names
        if _content(soak.calm / place / name) != _content(soak.folder / place / name)
    ]


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b"missing"


def disturb(soak: Soak, minutes: float, count: Path) -> None:
    """Try faults until the time is over; the count is kept in a file."""
    if count.exists():
        for name, counted in json.loads(count.read_text()).items():
            getattr(soak, name).update(counted)
    soak.typical, end = durations(soak.calm), time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        fault = min(FAULTS, key=lambda name: soak.tried[name])
        wrong = FAULTS[fault](soak)
        soak.tried[fault] += 1
        soak.survived[fault] += not wrong
        counters = {name: getattr(soak, name) for name in ("tried", "survived", "hit")}
        count.write_text(json.dumps(counters))
        click.echo(f"{soak.tried.total()}: {fault}: {wrong or 'survived'}", err=True)


def table(soak: Soak) -> str:
    """Lay out what was tried, for docs/reliability.md."""
    rows = [
        f"| {name} | {soak.tried[name]} | {soak.survived[name]} |"
        for name in FAULTS
    ]  # fmt: skip
    hits = ", ".join(f"{name} {n}" for name, n in soak.hit.most_common())
    return "\n".join(["| fault | tried | survived |", "|---|---|---|", *rows, "", f"Hit: {hits}."])


@click.command(help=__doc__)
@click.option("--minutes", default=30.0, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--cores", default=2, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path))
def main(minutes: float, seed: int, cores: int, folder: Path | None) -> None:
    """Run the soak test."""
    with tempfile.TemporaryDirectory() as scratch:
        place = folder or Path(scratch)
        calm, disturbed = (copy_project(place / name) for name in ("calm", "disturbed"))
        count = place / "count.json"
        rng = random.Random(f"{seed} {_content(count)!r}")
        soak = Soak(calm, disturbed, cores, rng)
        soak.finish(calm)
        disturb(soak, minutes, count)
        soak.finish(disturbed)
        different = differing(soak)
    click.echo(table(soak))
    click.echo(f"Tables that differ after a last plain run: {', '.join(different) or 'none'}.")
    sys.exit(int(bool(different) or soak.tried != soak.survived))


if __name__ == "__main__":
    main()
