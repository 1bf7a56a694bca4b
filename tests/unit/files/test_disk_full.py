"""A full disk fails the job and keeps the existing file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LIMIT = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
LIMIT += "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
WRITERS = {
    "shard": (
        "import numpy as np; from ucmgcn.files.shards import ShardWriter\n"
        "with ShardWriter(path, 'points', {}, 'points', (100, 100), np.uint8) as writer:\n"
        "    for n in range(100): writer.add(str(n), np.full((100, 100), n, np.uint8))\n"
    ),
    "table": (
        "from ucmgcn.files.atomic import atomic_path\n"
        "with atomic_path(path) as partial: partial.write_text('x' * 1_000_000)\n"
    ),
}


@pytest.mark.parametrize("what", WRITERS)
def test_a_file_that_does_not_fit_keeps_the_old_one(tmp_path: Path, what: str) -> None:
    path = tmp_path / "file.h5"
    path.write_text("old")
    code = f"from pathlib import Path; path = Path({str(path)!r})\n" + LIMIT + WRITERS[what]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    # Any failure: HDF5 itself may crash on exit, after it failed to write.
    assert done.returncode != 0
    assert f"{path} cannot be written (File too large). Make room" in done.stderr
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
