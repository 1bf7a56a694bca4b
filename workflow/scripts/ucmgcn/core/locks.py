"""Locks that a process holds until it ends, however it ends."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

_held: list[FileLock] = []  # a lock ends with its object


def hold(path: Path) -> bool:
    """Lock a file until this process ends; the file stays behind, and says nothing by being there.

    Returns
    -------
    bool
        False if another process holds the lock.

    Raises
    ------
    OSError
        If the file cannot be opened, or its file system has no locks.
    """
    lock = FileLock(path, blocking=False, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        return False
    _held.append(lock)
    return True
