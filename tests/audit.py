"""What the processes that read files have opened, and whether it was theirs to open."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ucmgcn.core.worker import Worker
from ucmgcn.settings import Limits

TESTS = Path(__file__).parent
# Modules that are imported only when they are needed.
CODE = {Path(p).resolve() for p in (sys.prefix, sys.base_prefix, TESTS.parent / "workflow")}


@contextmanager
def audited(task: str, settings: Mapping[str, Any], limits: Limits, log: Path) -> Iterator[Worker]:
    """A worker for a task whose work is noted in `log`, see `worker_tasks.audited`."""
    watched = {"task": task, "settings": settings, "log": str(log)}
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path)
        with Worker("worker_tasks:audited", watched, limits) as worker:
            yield worker


def noted(log: Path) -> list[tuple[str, str, str]]:
    """Item, event and what it was about."""
    return [tuple(json.loads(line)) for line in log.read_text().splitlines()]


def strange(log: Path, data: Path) -> list[tuple[str, str, str]]:
    """What was noted besides the reading of files of the data set."""
    return [row for row in noted(log) if row[1] != "open" or not _allowed(row[2], data)]


def _allowed(path: str, data: Path) -> bool:
    # As the system sees it: after links.
    real = Path(os.path.realpath(path))
    return real.is_relative_to(data) or any(real.is_relative_to(code) for code in CODE)
