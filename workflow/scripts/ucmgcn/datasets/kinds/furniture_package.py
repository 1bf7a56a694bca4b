"""Fetch Debian's package of furniture libraries, without installing it."""

from __future__ import annotations

import logging
import os
import subprocess
import tempfile
from pathlib import Path

from ucmgcn.core.errors import UserError

logger = logging.getLogger(__name__)

PACKAGE = "sweethome3d-furniture"
INSTALLED = Path("/usr/share/sweethome3d/furniture")
FETCHED = Path("resources/sweethome3d-furniture")
HOW = (
    f"on Debian or Ubuntu, `sudo apt-get install {PACKAGE}` brings such libraries; elsewhere name "
    f"a folder of your own .sh3f files with --config models=DIR"
)


def default_place() -> Path:
    """Folder of the libraries: that of the installed package, or that which `fetch` fills."""
    return INSTALLED if INSTALLED.is_dir() else FETCHED


def is_awaited(place: Path) -> bool:
    """Whether the package's libraries lie nowhere yet, and a rule fetches them to `place`."""
    return place == FETCHED and not place.is_dir()


def fetch(out: Path) -> None:
    """Download the package by apt, which checks its signature, and unpack its libraries into `out`.

    Needs no rights, and changes nothing outside `out`, but that root's apt renews its lists.

    Raises
    ------
    UserError
        If apt does not give it; says how to get it otherwise.
    """
    logger.warning("fetching Debian's package %s (120 MB) into %s", PACKAGE, out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=out.parent) as folder:
        try:
            _download(Path(folder))
            package = next(Path(folder).glob("*.deb"))
            _run(["dpkg-deb", "-x", package.name, "root"], Path(folder))
        except (OSError, StopIteration, subprocess.CalledProcessError) as error:
            reason = getattr(error, "stderr", None) or str(error)
            raise UserError(
                f"apt could not fetch {PACKAGE} ({' '.join(reason.split())[-200:]}); {HOW}"
            ) from error
        (Path(folder) / "root" / INSTALLED.relative_to("/")).rename(out)


def _download(folder: Path) -> None:
    try:
        _run(["apt-get", "download", PACKAGE], folder)
    except subprocess.CalledProcessError:
        # A new machine has no lists of packages yet.
        if os.geteuid() != 0:
            raise
        _run(["apt-get", "update"], folder)
        _run(["apt-get", "download", PACKAGE], folder)


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=1800)
