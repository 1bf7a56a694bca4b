"""The workflow as a user calls it: targets by name, linting, errors, and the files it leaves."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path

import pandas as pd
import pytest

STAGES = ("manifest", "render", "features", "graph", "train", "index", "evaluate", "report")
COLUMNS = [
    "dataset",
    "method",
    "supervision",
    "protocol",
    "backbone",
    "n_seeds",
    "n_queries",
    "n_models",
    "NN",
    "FT",
    "ST",
    "F",
    "DCG",
    "ANMRR",
    "AUC",
    "mAP",
]


def test_every_stage_is_a_target_by_name(finished) -> None:
    finished.snakemake("-n", *STAGES)


def test_the_tables_are_there_and_whole(finished) -> None:
    tables = finished.folder / "results" / "tiny" / "tables"
    metrics = pd.read_csv(tables / "metrics.csv")
    assert list(metrics.columns[:16]) == COLUMNS
    assert {f"{name}_std" for name in COLUMNS[8:]} <= set(metrics.columns)
    assert {"ucm-gcn", "max-pool", "mean-pool", "propagation"} <= set(metrics["method"])
    assert metrics.loc[metrics["method"] == "ucm-gcn", "n_seeds"].eq(2).all()
    for name in ("metrics_per_seed.csv", "metrics_per_category.csv", "pr_curve.csv"):
        assert len(pd.read_csv(tables / name))
    with gzip.open(tables / "ranking.csv.gz", "rt") as file:
        assert file.readline().startswith("query,method,rank,model,score,hit")


@pytest.mark.slow
def test_further_protocols_are_rows_of_the_tables_and_of_the_report(copy) -> None:
    copy.snakemake("--config", "evaluate={protocols: [transductive, inductive, open, skewed]}")
    results = copy.folder / "results" / "tiny"
    metrics = pd.read_csv(results / "tables" / "metrics.csv").set_index(["protocol", "method"])
    probes = ("open", "skewed-1", "skewed-2", "skewed-4")
    for protocol in probes:
        assert set(metrics.loc[protocol].index) == {"ucm-gcn", "propagation", "max-pool"}
    assert metrics.loc["open", "ucm-gcn"]["n_seeds"] == 2
    per_seed = pd.read_csv(results / "tables" / "metrics_per_seed.csv")
    ours = per_seed[per_seed["method"] == "ucm-gcn"].groupby("protocol")["draw"]
    assert ours.size().reindex(probes).tolist() == [2, 8, 8, 8]
    html = (results / "report" / "index.html").read_text()
    assert all(f"<b>{protocol}</b>" in html for protocol in probes)
    assert "nan" not in re.findall(r"<td>(\w+)", html)


def test_a_typo_in_the_configuration_names_the_nearest_key(finished, tmp_path) -> None:
    (tmp_path / "typo.yaml").write_text("graph: {kk: 3}\n")
    output = finished.snakemake("-n", "--configfile", str(tmp_path / "typo.yaml"), check=False)
    assert "there is no key graph.kk; did you mean graph.k?" in output
    assert "Traceback" not in output


def test_a_missing_folder_is_one_clear_line(finished) -> None:
    output = finished.snakemake(
        "-n", "--config", "dataset=x", "models=no/where", "images=data/images", check=False
    )
    assert "no folder no/where" in output and "Traceback" not in output


def test_every_job_has_a_log_and_a_benchmark(finished) -> None:
    results = finished.folder / "results" / "tiny"
    logs = {p.relative_to(results / "logs").with_suffix("") for p in results.glob("logs/**/*.log")}
    times = {
        p.relative_to(results / "benchmarks").with_suffix("")
        for p in results.glob("benchmarks/**/*.tsv")
    }
    assert logs and logs == times | ({Path("demo")} & logs)


def test_no_temporary_file_is_left(finished) -> None:
    assert not list((finished.folder / "results").rglob(".partial*"))


def test_snakemakes_own_report_holds_tables_and_charts_with_captions_and_labels(finished) -> None:
    finished.snakemake("--report", "own-report.html")
    text = (finished.folder / "own-report.html").read_text()
    files = json.loads(re.search(r"^ *var results = (\{.*\})", text, re.MULTILINE)[1])
    names = {path.removeprefix("results/tiny/") for path in files}
    assert {"tables/metrics.csv", "tables/pr_curve.svg", "tables/significance.csv"} < names
    assert {"tables/rejected.csv", "views/contact-sheet.png", "report/index.html"} < names
    for path, entry in files.items():
        content = base64.b64encode((finished.folder / path).read_bytes()).decode()
        assert entry["data_uri"].endswith(content), path
        assert entry["caption"].startswith("<p>") and entry["labels"], path
    captions = [entry["caption"] for entry in files.values()]
    assert len(set(captions)) == len(captions)
