"""Atomic writes: a file is complete or absent."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ucmgcn.core.errors import UserError

PARTIAL = ".partial-"  # begins the name of a file that is not complete


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`; on success it is synced and renamed to `path`.

    The temporary name is fixed, so that the next run overwrites what a killed run left behind.
    It keeps the suffix, from which libraries infer the format.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{PARTIAL}{path.name}")
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if full := re.search(r"No space left on device|File too large|Disk quota", str(error)):
            raise UserError(
                f"{path} cannot be written ({full[0]}). Make room and run snakemake again: it "
                f"resumes where it stopped"
            ) from error
        raise
