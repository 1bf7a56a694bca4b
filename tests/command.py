"""The command `ucmgcn`, called as a user would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

UCMGCN = str(Path(sys.executable).parent / "ucmgcn")


def ucmgcn(
    folder: Path, *arguments: object, prefix: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    words = [*prefix, UCMGCN, *map(str, arguments)]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True)


def bound_by_permissions() -> list[str]:
    """What a command starts with so that the permissions of files bind it, as they bind no root."""
    if os.geteuid():
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root reads and writes everything, and there is no setpriv to give that up")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
