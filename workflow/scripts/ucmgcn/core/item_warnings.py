"""What is wrong with a model or a photo that is used all the same, such as a missing texture."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

logger = logging.getLogger(__name__)

MOST = 100  # warnings kept of one item
MAX_DETAIL = 200  # characters


@dataclass(frozen=True)
class ItemWarning:
    """One thing that was left out of an item, or mended.

    Attributes
    ----------
    what
        The same words for all items that have it, so that they can be counted.
    detail
        What it is about in this item, such as a file's name; may be empty.
    mend
        How to mend it.
    """

    what: str
    detail: str
    mend: str


FURTHER = ItemWarning("further warnings not listed", f"more than {MOST}", "mend the first ones")

_collected: ContextVar[list[ItemWarning] | None] = ContextVar("collected", default=None)


def warn_item(what: str, detail: object = "", mend: str = "") -> None:
    """Note a warning about the item that is being read.

    Outside of `collect_warnings` it goes to the log as information: what is read there, such as a
    photo for the report, was read by a stage before, which has warned of it.
    """
    warning = ItemWarning(what, _plain(str(detail)), mend)
    found = _collected.get()
    if found is None:
        logger.info("%s (%s); %s", what, warning.detail, mend)
    elif warning not in found and len(found) <= MOST:
        found.append(warning if len(found) < MOST else FURTHER)


@contextmanager
def collect_warnings() -> Iterator[list[ItemWarning]]:
    """Gather in a list what is noted by `warn_item` inside."""
    found: list[ItemWarning] = []
    token = _collected.set(found)
    try:
        yield found
    finally:
        _collected.reset(token)


def _plain(text: str) -> str:
    """Text of one line that any file can hold: no control character, no lone surrogate."""
    text = text.encode(errors="backslashreplace").decode()
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MAX_DETAIL else f"{line[: MAX_DETAIL - 1]}…"
