"""The command `ucmgcn`, called as a user would."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

UCMGCN = str(Path(sys.executable).parent / "ucmgcn")


def ucmgcn(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    words = [UCMGCN, *map(str, arguments)]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True)
