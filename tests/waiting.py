"""Waiting for what a test is about, however busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable

# Only a hang takes so long.
HANG_SECONDS = 900


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + HANG_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"still not: {what}"
        time.sleep(0.05)
