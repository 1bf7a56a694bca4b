from __future__ import annotations

from pathlib import Path

import pytest

from ucmgcn.cli.table import format_metrics
from ucmgcn.core.errors import UserError
from ucmgcn.evaluate.metrics import METRICS

HEAD = "dataset,method,supervision,protocol,backbone,n_seeds,n_queries,n_models," + ",".join(
    [*METRICS, *(f"{m}_std" for m in METRICS)]
)


def write(path: Path, values: str) -> Path:
    path.write_text(
        f"{HEAD}\nset,ucm-gcn,none,transductive,lite0,3,7,5,{values},{','.join(['0.01'] * 8)}\n"
    )
    return path


def test_shows_mean_and_spread(tmp_path: Path) -> None:
    text = format_metrics(write(tmp_path / "m.csv", ",".join(["0.5"] * 8)))
    assert "7 photos against 5 models" in text
    assert text.count("0.500 ± 0.010") == 8


def test_prints_f_with_its_ceiling(tmp_path: Path) -> None:
    path = write(tmp_path / "m.csv", ",".join(["0.5"] * 8))
    head, row = path.read_text().split()
    path.write_text(f"{head},F_ceiling\n{row},0.1968\n")
    assert "F of a perfect ranking: 0.197" in format_metrics(path)


def test_says_when_there_are_no_labels(tmp_path: Path) -> None:
    assert "no labels" in format_metrics(write(tmp_path / "m.csv", "," * 7))


def test_missing_and_foreign_files_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no table"):
        format_metrics(tmp_path / "m.csv")
    (tmp_path / "m.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="lacks"):
        format_metrics(tmp_path / "m.csv")
