"""Mini-batches train to the quality of the full batch on the measuring set."""

from __future__ import annotations

import os

import pandas as pd
import pytest
from project import copy_project

MINI_BATCHES = {"full_batch_nodes": 0, "batch": 512}


@pytest.mark.slow
@pytest.mark.benchmark_data
@pytest.mark.skipif(
    "UCMGCN_BENCHMARK_DATA" not in os.environ,
    reason="takes minutes: name psb-caltech-18's folder in UCMGCN_BENCHMARK_DATA",
)
def test_mini_batches_reach_the_first_tier_of_the_full_batch(tmp_path, benchmark_data) -> None:
    run = copy_project(tmp_path / "project")
    run.configure(
        dataset="psb",
        models=str(benchmark_data / "models"),
        images=str(benchmark_data / "images"),
        train={"seeds": [0]},
        evaluate={"methods": ["ucm-gcn"]},
    )
    first_tier = {}
    for name, changes in (("full", {}), ("mini", MINI_BATCHES)):
        run.configure(train=changes)
        run.snakemake()
        metrics = pd.read_csv(run.folder / "results" / "psb" / "tables" / "metrics.csv")
        first_tier[name] = metrics.set_index("protocol")["FT"]
    log = run.folder / "results" / "psb" / "logs" / "train" / "seed-0.log"
    assert "mini-batches an epoch" in log.read_text()
    assert (first_tier["mini"] > first_tier["full"] - 0.01).all(), first_tier
