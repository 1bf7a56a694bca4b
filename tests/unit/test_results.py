"""The published results: pages are filled from tables, and a run is compared with them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from project import ROOT
from scripts import load

results, reproduce = load("docs/results.py"), load("benchmarks/reproduce.py")
# Speeds are measured on one machine, by hand.
BY_HAND = {"performance.md", "scale.md"}
PAGES = ["README.md", "CONTRIBUTING.md"]
PAGES += [f"docs/{p.name}" for p in sorted((ROOT / "docs").glob("*.md")) if p.name not in BY_HAND]
# The width of a difference that counts as none; no result.
ALLOWED = {".005"}


def test_the_pages_say_what_the_tables_hold() -> None:
    stale = [path.name for path, text in results.pages() if path.read_text() != text]
    assert stale == [], "make results"


@pytest.mark.parametrize("page", PAGES)
def test_no_metric_stands_in_a_page_but_from_a_table(page: str) -> None:
    text = results.BLOCK.sub("", (ROOT / page).read_text())
    text = re.sub(r"<!-- settings -->.*<!-- /settings -->|```.*?```", "", text, flags=re.DOTALL)
    numbers = re.findall(r"(?<![\w./-])[01]?\.\d{3}\b", text)
    assert set(numbers) <= ALLOWED


def test_every_run_has_a_published_table() -> None:
    runs = reproduce.runs(Path("psb"))
    assert [run.name for run in runs] == list(dict.fromkeys(run.name for run in runs))
    for run in runs:
        for table in reproduce.TABLES:
            assert (reproduce.PUBLISHED / run.name / table).is_file()


def test_a_table_shows_the_chosen_methods_and_the_photos_that_they_saw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"method": method, "protocol": "inductive", "n_seeds": 1, "photos_seen": seen}
        | dict.fromkeys(results.SHOWN, score)
        for method, seen, score in (("ucm-gcn", 1759.0, 0.5), ("max-pool", 0.0, 0.25), ("x", 1, 1))
    ]
    (tmp_path / "set").mkdir()
    pd.DataFrame(rows).to_csv(tmp_path / "set" / "metrics.csv", index=False)
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    lines = results.metrics("set", "only=ucm-gcn,max-pool").splitlines()
    assert lines[0].startswith("| method | protocol | photos seen | NN |") and len(lines) == 4
    assert lines[2].startswith("| max-pool | inductive | 0 | .250 |")
    assert lines[3].startswith("| ucm-gcn | inductive | 1,759 | .500 |")
    short = results.metrics("set", "only=ucm-gcn", "FT").splitlines()
    assert short[2:] == ["| ucm-gcn | inductive | .500 |"]


@pytest.mark.parametrize(
    ("verdict", "said"),
    [("level", "level with"), ("better", "better than"), ("worse", "worse than")],
)
def test_the_strongest_baseline_is_named_with_the_wider_interval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verdict: str, said: str
) -> None:
    row = {
        "method": "ucm-gcn", "protocol": "inductive", "metric": "FT", "method_mean": 0.7,
        "lo": 0.01, "hi": 0.03, "p_holm": 0.2, "verdict": verdict,
    }  # fmt: skip
    rows = [
        row | {"baseline": "max-pool", "baseline_protocol": "inductive", "strongest": 0,
               "difference": 0.3, "lo_categories": 0.25, "hi_categories": 0.35},
        row | {"baseline": "k-reciprocal", "baseline_protocol": "transductive", "strongest": 1,
               "difference": 0.02, "lo_categories": -0.01, "hi_categories": 0.05},
    ]  # fmt: skip
    (tmp_path / "set").mkdir()
    pd.DataFrame(rows).to_csv(tmp_path / "set" / "significance.csv", index=False)
    monkeypatch.setattr(results, "RESULTS", tmp_path)
    assert results.filled("<!-- result: strongest set ucm-gcn -->\n<!-- /result -->") == (
        "<!-- result: strongest set ucm-gcn -->\n"
        f"- inductive: FT .700, {said} the strongest of 2 baselines, `k-reciprocal` "
        "(transductive): +.020, 95 % interval -.010 to +.050 over categories, p = .2\n"
        "<!-- /result -->"
    )


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A run that gave exactly what is published."""
    return Path(shutil.copytree(reproduce.PUBLISHED / "demo", tmp_path / "demo"))


def change(folder: Path, table: str, column: str, row: int, by: float) -> str:
    frame = pd.read_csv(folder / table)
    frame.loc[row, column] += by
    frame.to_csv(folder / table, index=False)
    return ", ".join(frame.loc[row, reproduce.KEYS[table]])


def test_what_is_the_same_has_not_moved(made: Path) -> None:
    assert reproduce.compare(made, reproduce.PUBLISHED / "demo", 0.0) == (0.0, [])


@pytest.mark.parametrize(
    ("table", "column"), [("metrics.csv", "FT"), ("significance.csv", "difference")]
)
def test_what_moves_by_more_than_the_tolerance_is_named(made: Path, table, column) -> None:
    key = change(made, table, column, 2, 0.01)
    largest, moved = reproduce.compare(made, reproduce.PUBLISHED / "demo", 0.02)
    assert largest == pytest.approx(0.01) and moved == []
    _, (line,) = reproduce.compare(made, reproduce.PUBLISHED / "demo", 0.005)
    assert line.startswith(f"{table}: {key}: {column} ") and "->" in line


def test_another_number_of_photos_and_a_row_that_went_are_named(made: Path) -> None:
    change(made, "metrics.csv", "n_queries", 0, 1)
    frame = pd.read_csv(made / "metrics.csv")
    frame.iloc[:-1].to_csv(made / "metrics.csv", index=False)
    _, moved = reproduce.compare(made, reproduce.PUBLISHED / "demo", 1.0)
    assert len(moved) == 2 and "no row" in moved[0] and "n_queries" in moved[1]


def test_an_unknown_set_is_a_line() -> None:
    command = [sys.executable, "benchmarks/reproduce.py", "psb"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "psb wants --psb" in done.stderr
