"""What the steps of gpu.sh share: the device, its clock and its memory, and the file of results.

Without a GPU the steps compare the CPU with itself: a rehearsal, in which every line runs.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ucmgcn.core.devices import Device

DEVICE: Device = "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class Row:
    """A row of the table: what was done, on the GPU, on the CPU, and how they compare."""

    part: str
    gpu: str
    cpu: str = ""
    ratio: str = ""
    difference: str = ""


def save(out: Path, rows: Sequence[Row], **facts: Any) -> None:
    """Write the rows of a step, and its numbers unrounded."""
    content = {"rows": [asdict(row) for row in rows], "facts": facts}
    out.write_text(json.dumps(content, indent=1), encoding="utf-8")


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Time a call: the median of `repeats`, after one that is not counted."""
    work()
    return statistics.median(one_time(work) for _ in range(repeats))


def one_time(work: Callable[[], object]) -> float:
    """Time one call, until the GPU has finished."""
    wait()
    start = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - start


def wait() -> None:
    """Wait until the GPU has finished."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def forget_peak() -> None:
    """Count the peak of the GPU's memory anew."""
    if DEVICE == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak() -> float:
    """Return the peak of the GPU's memory, GiB; nan without a GPU."""
    return torch.cuda.max_memory_allocated() / 2**30 if DEVICE == "cuda" else float("nan")


def times(gpu: float, cpu: float) -> str:
    """Say how many times as fast the GPU is."""
    return f"{cpu / gpu:.1f}x"
