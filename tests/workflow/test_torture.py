"""The torture set, mixed with the demo set, goes through the whole pipeline."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torture
from project import Run


@pytest.mark.slow
def test_good_files_are_used_and_bad_ones_listed(copy: Run) -> None:
    data = copy.folder / "data"
    expected = {}
    for role, cases in (("models", torture.MESHES), ("images", torture.PHOTOS)):
        expected |= torture.write_all(data / role, cases)
    copy.configure(
        dataset="torture",
        train={"seeds": [0], "epochs": 2},
        evaluate={"methods": ["mean-pool"]},
        limits={"seconds": 120, "memory": 2048},
        render={"size": 64},
    )
    copy.snakemake("--", "evaluate")
    tables = copy.folder / "results" / "torture" / "tables"
    rejected = pd.read_csv(tables / "rejected.csv", keep_default_na=False)
    reasons = dict(zip(rejected["path"], rejected["reason"], strict=True))
    for path, outcome in expected.items():
        name = str(Path(path).relative_to(copy.folder))
        name = name.encode(errors="backslashreplace").decode()
        torture.check(outcome, reasons.get(name, torture.USED))
    assert rejected["reason"].str.len().min() > 5
    assert (pd.read_csv(tables / "metrics.csv")["n_queries"] > 0).all()
