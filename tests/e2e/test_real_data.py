"""A part of the measuring set goes through the whole pipeline: real meshes, real photos."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from project import copy_project

CATEGORIES = ("airplane", "chair", "cup")
EACH = 10


@pytest.fixture(scope="module")
def project(tmp_path_factory, benchmark_data):
    run = copy_project(tmp_path_factory.mktemp("real") / "project")
    for role in ("models", "images"):
        for category in CATEGORIES:
            for file in sorted((benchmark_data / role / category).iterdir())[:EACH]:
                target = run.folder / "data" / role / category / file.name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, target)
    (run.folder / "data" / "models" / "cup" / "broken.obj").write_text("v 0 0 nonsense\n")
    (run.folder / "data" / "images" / "cup" / "broken.jpg").write_text("this is no photo\n")
    run.configure(
        dataset="real",
        models="data/models",
        images="data/images",
        shards={"models": 2, "images": 2},
        train={"seeds": [0]},
    )
    return run


@pytest.mark.slow
@pytest.mark.benchmark_data
def test_three_real_categories_are_told_apart(project) -> None:
    project.snakemake()
    tables = project.folder / "results" / "real" / "tables"
    metrics = pd.read_csv(tables / "metrics.csv").set_index(["method", "protocol"])
    chance = 1 / len(CATEGORIES)
    assert (metrics["mAP"] > 1.5 * chance).all(), metrics["mAP"]
    assert metrics["n_queries"].eq(EACH * 3).all() and metrics["n_models"].eq(EACH * 3).all()
    rejected = pd.read_csv(tables / "rejected.csv").set_index("path")
    assert {Path(p).name for p in rejected.index} == {"broken.obj", "broken.jpg"}
    assert rejected["stage"].tolist() == ["features", "render"]
    assert "Nothing to be done" in project.snakemake(hash_seed="7")
