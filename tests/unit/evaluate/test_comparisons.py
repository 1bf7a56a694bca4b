from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ucmgcn.evaluate.assess import RetrievalTask, assess
from ucmgcn.evaluate.comparisons import PER_QUERY, SIGNIFICANCE_COLUMNS, significance_rows
from ucmgcn.evaluate.metrics import RECALLS
from ucmgcn.evaluate.options import EvaluationOptions
from ucmgcn.evaluate.ranking import EmbeddingScorer
from ucmgcn.evaluate.results import Context, Result

CATEGORIES, EACH = 24, 6
LABELS = np.repeat(np.arange(CATEGORIES), EACH)
TASK = RetrievalTask(
    [f"p{i}" for i in range(len(LABELS))],
    [f"m{i}" for i in range(len(LABELS))],
    [f"c{label}" for label in LABELS],
    [f"c{label}" for label in LABELS],
    instances=[f"m{i}" for i in range(len(LABELS))],
)


def result(method: str, noise: np.ndarray) -> Result:
    """Rankings by embeddings that are the category's, and noise of this sd in each category."""
    rng = np.random.default_rng(len(method))
    rows = 5 * np.eye(CATEGORIES)[LABELS] + noise[LABELS, None] * rng.normal(
        size=(2, len(LABELS), CATEGORIES)
    )
    run = assess(EmbeddingScorer(*rows), TASK)
    return Result(method, "inductive", "none", [""], [run])


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    even = np.full(CATEGORIES, 1.5)
    results = [
        result("ucm-gcn", even),
        result("max-pool", 2 * even),
        result("propagation", even / 3),
        result("mlp", even),
    ]
    context = Context("toy", "lite0", TASK, EvaluationOptions(resamples=300))
    return pd.DataFrame(significance_rows(context, results))


def test_the_verdicts_are_better_worse_and_level(rows: pd.DataFrame) -> None:
    verdicts = rows[rows["metric"] == "FT"].set_index("baseline")["verdict"]
    assert verdicts.to_dict() == {"max-pool": "better", "propagation": "worse", "mlp": "level"}
    lower = rows[rows["metric"] == "ANMRR"].set_index("baseline")
    assert lower.loc["max-pool", "difference"] < 0 and lower.loc["max-pool", "verdict"] == "better"


def test_the_strongest_baseline_is_the_one_that_is_least_behind(rows: pd.DataFrame) -> None:
    strongest = rows[rows["strongest"] == 1]
    assert set(strongest["baseline"]) == {"propagation"}
    assert strongest["metric"].tolist() == [*PER_QUERY, *RECALLS]


def test_a_family_is_a_question_under_a_protocol_in_a_metric(rows: pd.DataFrame) -> None:
    assert set(rows["family"]) == {
        f"{question}, inductive, {metric}"
        for question in ("graph", "network")
        for metric in (*PER_QUERY, *RECALLS)
    }


def test_a_table_without_rows_has_the_columns_of_one_with_rows(rows: pd.DataFrame) -> None:
    assert tuple(rows.columns) == SIGNIFICANCE_COLUMNS


def test_a_difference_of_a_few_categories_is_none_of_the_photos() -> None:
    """What all photos of two categories share is many photos, but only two categories."""
    even = np.full(CATEGORIES, 0.1)
    worse = np.where(np.arange(CATEGORIES) < 2, 30.0, 0.1)
    context = Context("toy", "lite0", TASK, EvaluationOptions(resamples=300))
    results = [result("ucm-gcn", even), result("max-pool", worse)]
    found = pd.DataFrame(significance_rows(context, results))
    row = found[found["metric"] == "FT"].iloc[0]
    assert row["p_value"] < 0.01 and row["lo"] > 0 and row["verdict"] == "level"
