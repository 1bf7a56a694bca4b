"""Shared by the performance benchmarks: measure time and memory, and record rows of the table.

Each script keeps its rows in `results/performance/<script>.csv`; `performance.py` prints them all
as one Markdown table.
"""

from __future__ import annotations

import csv
import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import psutil

ROWS = Path("results") / "performance"
GIB = 2**20  # in KiB, the unit of /proc
WATCH_SECONDS = 0.2


@dataclass(frozen=True)
class Row:
    """A row of the table: what was measured, against what, the result, and the target."""

    part: str
    against: str
    reached: str
    target: str
    met: bool


@dataclass
class Measured:
    """Wall-clock seconds, CPU seconds, and peak memory in GiB, including child processes."""

    seconds: float = 0.0
    cpu: float = 0.0
    peak: float = 0.0


@contextmanager
def measured(name: str) -> Iterator[Measured]:
    """Measure the work in this process and its children, and print the result."""
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    result = Measured()
    with children_peak() as highest:
        start, busy = time.perf_counter(), processor_time()
        yield result
        result.seconds = time.perf_counter() - start
        result.cpu = processor_time() - busy
    result.peak = peak(os.getpid()) + max(highest)
    print(
        f"{name:28} {result.seconds:8.2f} s {result.cpu:8.2f} s cpu {result.peak:8.2f} GiB",
        flush=True,
    )


def processor_time() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@contextmanager
def children_peak() -> Iterator[list[float]]:
    """Watch the sum of the children's peak resident memory, GiB; yield the list of samples."""
    seen, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(WATCH_SECONDS):
            seen.append(sum(peak(child.pid) for child in psutil.Process().children()))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def peak(pid: int) -> float:
    """Return a process's peak resident memory since its last reset, GiB; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / GIB


def in_new_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a new process, so that its memory is measured alone."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def record(name: str, rows: Sequence[Row], folder: Path = ROWS) -> None:
    """Save the rows of a script under its name, for the table."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)])
        writer.writeheader()
        writer.writerows(map(asdict, rows))
    for row in rows:
        verdict = "met" if row.met else "MISSED"
        what = f"{row.part}, against {row.against}" if row.against else row.part
        print(f"{what}: {row.reached}; wanted {row.target}: {verdict}")
