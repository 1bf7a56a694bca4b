"""Progress: a bar on a terminal, lines in the log otherwise."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 10.0

logger = logging.getLogger(__name__)


def track(items: Iterable[T], what: str, total: int, unit: str = "it") -> Iterator[T]:
    """Yield the items; show the number done, the rate and the time left."""
    with tqdm(items, desc=what, total=total, unit=unit, disable=not sys.stderr.isatty()) as bar:
        start = last = time.monotonic()
        done = 0
        for done, item in enumerate(bar, 1):
            yield item
            now = time.monotonic()
            if now - last > SECONDS_BETWEEN_LINES:
                last = now
                rate = done / (now - start)
                left = (total - done) / rate
                logger.info(
                    "%s: %d/%d, %.1f %s/s, %.0f s left", what, done, total, rate, unit, left
                )
        logger.info("%s: %d/%d in %.1f s", what, done, total, time.monotonic() - start)
