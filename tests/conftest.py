from __future__ import annotations

import os
from pathlib import Path

# Small arrays: more threads than one only wait for each other. Before numpy and torch are imported.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import hypothesis
import pytest

# A machine that is busy, as with tests side by side, is no failure of an example.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def benchmark_data() -> Path:
    """The psb-caltech-18 measuring set, which is not part of the project."""
    default = ROOT.parent / "shared" / "data" / "psb-caltech-18"
    path = Path(os.environ.get("UCMGCN_BENCHMARK_DATA", default))
    if not (path / "models").is_dir():
        pytest.skip("psb-caltech-18 is not here; name its folder in UCMGCN_BENCHMARK_DATA")
    return path
