"""Runs on other data: other shards and cores, no labels, files that cannot be used."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

KEY = ["method", "protocol"]


def metrics(folder: Path, dataset: str) -> pd.DataFrame:
    return pd.read_csv(folder / "results" / dataset / "tables" / "metrics.csv").set_index(KEY)


@pytest.mark.slow
def test_shards_and_cores_do_not_reach_the_numbers(copy, finished) -> None:
    copy.configure(shards={"models": 1, "images": 3})
    copy.snakemake("--cores", "1")
    one, other = metrics(finished.folder, "tiny"), metrics(copy.folder, "tiny")
    numbers = one.select_dtypes("number").columns
    np.testing.assert_allclose(one[numbers], other[numbers], atol=1e-5)


@pytest.mark.slow
def test_flat_folders_are_ranked_without_metrics(copy) -> None:
    for role in ("models", "images"):
        flat = copy.folder / "flat" / role
        flat.mkdir(parents=True)
        for file in sorted((copy.folder / "data" / role).rglob("*.*"))[::3]:
            shutil.copy2(file, flat)
    copy.configure(dataset="flat", models="flat/models", images="flat/images")
    copy.configure(train={"seeds": [0]})
    copy.snakemake()
    table = metrics(copy.folder, "flat")
    assert table["mAP"].isna().all() and table["note"].str.contains("no labels").all()
    ranking = pd.read_csv(copy.folder / "results/flat/tables/ranking.csv.gz")
    assert set(ranking["query"]) == {p.stem for p in (copy.folder / "flat/images").iterdir()}


@pytest.mark.slow
def test_labels_of_half_the_photos_are_used_and_those_are_no_queries(copy) -> None:
    copy.configure(train={"supervision": "source", "seeds": [0], "folds": 2})
    copy.snakemake("evaluate")
    table = metrics(copy.folder, "tiny")
    photos = pd.read_csv(copy.folder / "results/tiny/manifest/images.csv")
    labelled = sum(n // 2 for n in photos["category"].value_counts())
    assert set(table["n_queries"]) == {len(photos) - labelled}
    assert set(table["n_left_out"]) == {labelled}
    learners = ["ucm-gcn", "mlp", "ridge"]
    assert set(table.loc[learners]["supervision"]) == {"source"}
    assert set(table.drop(learners)["supervision"]) == {"none"}
    tables = copy.folder / "results/tiny/tables"
    left_out = pd.read_csv(tables / "left_out.csv")["query"]
    assert not set(pd.read_csv(tables / "ranking.csv.gz")["query"]) & set(left_out)
    assert "Nothing to be done" in copy.snakemake("evaluate")


def test_a_run_with_nothing_left_says_why(copy) -> None:
    models = copy.folder / "broken" / "chair"
    models.mkdir(parents=True)
    (models / "a.obj").write_text("v 1 2\n")
    (models / "b.stl").write_text("solid nothing\nendsolid\n")
    copy.configure(dataset="broken", models="broken", images="data/images")
    copy.configure(shards={"models": 1, "images": 1})
    output = copy.snakemake("evaluate", check=False)
    assert re.search(
        r"no model is left, 2 rejected: broken/chair/\w\.\w{3}: .+; broken/chair/", output
    )
    copy.snakemake("rejected")
    rejected = pd.read_csv(copy.folder / "results/broken/tables/rejected.csv")
    assert {Path(p).name for p in rejected["path"]} == {"a.obj", "b.stl"}
    assert set(rejected["stage"]) == {"render"}
