"""Warnings about models and photos that are used despite a defect, such as a missing texture."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

logger = logging.getLogger(__name__)

MOST = 100  # warnings kept per item
MAX_DETAIL = 200  # characters


@dataclass(frozen=True)
class ItemWarning:
    """One defect of an item that was worked around.

    Attributes
    ----------
    what
        The defect, in the same words for all items, so that they can be counted.
    detail
        What it concerns in this item, such as a file name; may be empty.
    mend
        How to fix it.
    """

    what: str
    detail: str
    mend: str


FURTHER = ItemWarning("further warnings not listed", f"more than {MOST}", "mend the first ones")

_collected: ContextVar[list[ItemWarning] | None] = ContextVar("collected", default=None)


def warn_item(what: str, detail: object = "", mend: str = "") -> None:
    """Record a warning about the item that is being read.

    Outside `collect_warnings` it is only logged, at level INFO: an item read there, such as a
    photo for the report, was read by an earlier stage, which has recorded the warning.
    """
    warning = ItemWarning(what, _plain(str(detail)), mend)
    found = _collected.get()
    if found is None:
        logger.info("%s (%s); %s", what, warning.detail, mend)
    elif warning not in found and len(found) <= MOST:
        found.append(warning if len(found) < MOST else FURTHER)


@contextmanager
def collect_warnings() -> Iterator[list[ItemWarning]]:
    """Collect the warnings that `warn_item` records inside the context."""
    found: list[ItemWarning] = []
    token = _collected.set(found)
    try:
        yield found
    finally:
        _collected.reset(token)


def _plain(text: str) -> str:
    """Make text safe for any file: one line, no control characters, no lone surrogates."""
    text = text.encode(errors="backslashreplace").decode()
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MAX_DETAIL else f"{line[: MAX_DETAIL - 1]}…"
