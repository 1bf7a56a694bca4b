"""How runs and their jobs begin and end: one run at a time, and no job that outlives its run."""

from __future__ import annotations

import logging
import os
import select
import signal
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from ucmgcn.core.errors import UserError
from ucmgcn.core.locks import hold
from ucmgcn.pipeline.logs import configure_logging

# The Snakefile sets it, in each process that reads it: the id of that process.
SNAKEMAKE_PID = "UCMGCN_SNAKEMAKE_PID"
MILLISECOND = 1_000_000

logger = logging.getLogger(__name__)


def begin_run(places: Iterable[str], folder: Path = Path(".snakemake")) -> None:
    """Begin a run: lock what it writes, check that it can be written, and clamp its mtimes.

    Parameters
    ----------
    places
        Folders that the run writes.
    folder
        Where the files of the locks lie.

    Raises
    ------
    UserError
        As `lock_run` and `check_writable`.
    """
    for place in places:
        lock_run(folder, place)
        check_writable(Path(place))
        date_back(Path(place))


def lock_run(folder: Path, place: str) -> None:
    """Take a lock that this process holds as long as it lives; however it ends, the lock is free.

    Snakemake's own lock stays behind when its process is killed, and then stops the next run.

    Parameters
    ----------
    folder
        Where the lock's file lies; it says nothing by being there.
    place
        What the run writes.

    Raises
    ------
    UserError
        If another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{quote(place, safe='')}.lock"
    try:
        held = hold(path)
    except OSError as error:
        # Some network file systems have no locks.
        logger.warning(
            "%s: no lock (%s); make sure that only one run writes %s", path, error, place
        )
        return
    if not held:
        raise UserError(
            f"another snakemake is writing {place}. "
            f"Wait until it has ended, or end it (Ctrl-C there); then run again"
        )


def check_writable(place: Path) -> None:
    """Check that what a run writes can be written, before anything is begun.

    Raises
    ------
    UserError
        Naming the first folder that cannot.
    """
    folders = [Path(folder) for folder, _, _ in os.walk(place)]
    for folder in folders or [next(p for p in place.absolute().parents if p.exists())]:
        if not os.access(folder, os.W_OK):
            raise UserError(
                f"{folder} cannot be written. Make it writable (chmod u+w, if it is yours), "
                f"or have the results elsewhere (snakemake --directory DIR)"
            )


def date_back(place: Path) -> None:
    """Clamp mtimes that lie in the future, as a clock that was set back leaves them.

    Snakemake takes such a file as newer than all that is made of it from now on, and gives up. The
    order of the files is kept, so that one that is out of date stays so.
    """
    now = time.time_ns()
    files = [Path(folder, name) for folder, _, names in os.walk(place) for name in names]
    dated = sorted((_changed_at(file), file) for file in files)
    coming = [file for at, file in dated if at > now]
    for number, file in enumerate(reversed(coming)):
        at = now - number * MILLISECOND
        os.utime(file, ns=(at, at))
    if coming:
        logger.warning(
            "%d files in %s are dated in the future; their times are clamped to now "
            "(was the clock set back?)",
            len(coming),
            place,
        )


def _changed_at(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        # A temporary file of a run that is going on.
        return 0


def begin_job(log: str | Path | None) -> None:
    """Begin the job of a rule: log to a file, and end when the Snakemake that started it does."""
    # Else matplotlib keeps its list of fonts in the home folder.
    os.environ.setdefault("MPLCONFIGDIR", str(Path(".snakemake", "matplotlib").absolute()))
    configure_logging(log)
    parent = os.environ.get(SNAKEMAKE_PID)
    if parent:
        end_with(int(parent))


def end_with(pid: int) -> None:
    """Kill this process once another one has ended, at once if it is gone already.

    A shell stands between Snakemake and its job, so the kernel's signal for the death of a parent
    does not reach the job.
    """
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        _end()
    threading.Thread(target=_watch, args=(descriptor,), daemon=True).start()


def _watch(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    poll.poll()
    _end()


def _end() -> None:
    # Not sys.exit(): it would end this thread alone.
    os.kill(os.getpid(), signal.SIGKILL)
