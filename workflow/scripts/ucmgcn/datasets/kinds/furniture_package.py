"""Download Debian's package of furniture libraries without installing it."""

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
    """Folder of the libraries: of the installed package, else the one that `fetch` fills."""
    return INSTALLED if INSTALLED.is_dir() else FETCHED


def fetch(out: Path) -> None:
    """Download the package with apt, which checks its signature, and unpack it into `out`.

    This needs no privileges and changes nothing outside `out`, except that it may update apt's
    package lists if run as root.

    Raises
    ------
    UserError
        If apt cannot download it; the message says how else to get it.
    """
    logger.warning("downloading Debian's package %s (120 MB) into %s", PACKAGE, out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=out.parent) as folder:
        try:
            _download(Path(folder))
            package = next(Path(folder).glob("*.deb"))
            _run(["dpkg-deb", "-x", package.name, "root"], Path(folder))
        except (OSError, StopIteration, subprocess.CalledProcessError) as error:
            reason = getattr(error, "stderr", None) or str(error)
            raise UserError(
                f"apt could not download {PACKAGE} ({' '.join(reason.split())[-200:]}); {HOW}"
            ) from error
        (Path(folder) / "root" / INSTALLED.relative_to("/")).rename(out)


def _download(folder: Path) -> None:
    try:
        _run(["apt-get", "download", PACKAGE], folder)
    except subprocess.CalledProcessError:
        # A new machine has no package lists yet.
        if os.geteuid() != 0:
            raise
        _run(["apt-get", "update"], folder)
        _run(["apt-get", "download", PACKAGE], folder)


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=1800)
