"""Embeddings from Python are measured and checked as `ucmgcn evaluate` does it with files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ucmgcn import Evaluation, UserError, evaluate_arrays
from ucmgcn.cli.main import main
from ucmgcn.evaluate.metrics import BESIDE, METRICS

RNG = np.random.default_rng(0)
QUERIES, MODELS = RNG.normal(size=(7, 4)), RNG.normal(size=(9, 4)).astype(np.float32)
QUERY_LABELS, MODEL_LABELS = list("abcabca"), list("abcabcabc")
NAMES = [f"model {i}" for i in range(9)]
SHOWN = [NAMES[i] for i in (0, 1, 2, 3, 4, 5, 6)]


def evaluate(**changed) -> Evaluation:
    given = {
        "queries": QUERIES,
        "query_labels": QUERY_LABELS,
        "models": MODELS,
        "model_labels": MODEL_LABELS,
    }
    return evaluate_arrays(**{**given, **changed})


def command(folder: Path, *options: str) -> str:
    np.save(folder / "q.npy", QUERIES)
    np.save(folder / "m.npy", MODELS)
    words = ["evaluate", "--query-embeddings", f"{folder}/q.npy", "--model-embeddings"]
    words += [f"{folder}/m.npy", *options]
    texts = {
        "query-labels": QUERY_LABELS,
        "model-labels": MODEL_LABELS,
        "query-instances": SHOWN,
        "model-instances": NAMES,
    }
    for name, lines in texts.items():
        (folder / name).write_text("\n".join(lines))
        words += [f"--{name}", f"{folder}/{name}"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ([], {}),
        (["--distance", "euclidean"], {"distance": "euclidean"}),
        (["--official-preprocess"], {"official_preprocess": True}),
        (["--flavour", "legacy", "--threads", "1"], {"flavour": "legacy", "threads": 1}),
    ],
)
def test_it_says_what_the_command_says(tmp_path, options, changed) -> None:
    result = evaluate(query_instances=SHOWN, model_instances=NAMES, **changed)
    assert json.loads(command(tmp_path, "--json", *options)) == result.report()
    assert command(tmp_path, *options) == f"{result}\n"


def test_the_table_holds_each_metric_with_its_ceiling() -> None:
    result = evaluate(query_instances=SHOWN, model_instances=NAMES)
    table = result.table()
    assert list(table.index) == [*METRICS, *BESIDE, "R@1", "R@5", "R@10"]
    assert table.loc["NN", "value"] == result.metrics["NN"]
    assert table.loc["F", "perfect"] == result.ceilings["F"] and table.loc["R@1", "perfect"] == 1
    assert result.n_instance_queries == 7 and evaluate().n_instance_queries is None


def test_lists_series_and_numbers_as_labels_are_the_same() -> None:
    numbers = {"a": 1, "b": 2, "c": 3}
    frames = {
        "queries": QUERIES.tolist(),
        "query_labels": pd.Series([numbers[label] for label in QUERY_LABELS]),
        "model_labels": np.array([numbers[label] for label in MODEL_LABELS]),
    }
    assert evaluate(**frames) == evaluate()


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, ""])
def test_a_query_without_a_label_can_be_left_out(missing) -> None:
    labels = [missing, *QUERY_LABELS[1:]]
    with pytest.raises(UserError, match=r"query_labels\[0\]: category '' .* skip_unknown=True"):
        evaluate(query_labels=labels)
    result = evaluate(query_labels=labels, skip_unknown=True)
    assert (result.n_queries, result.n_left_out, result.left_out_categories) == (6, 1, [""])
    assert "left out: 1 queries without a model to find: (no label)" in str(result)


def with_nan() -> np.ndarray:
    rows = QUERIES.copy()
    rows[3, 1] = np.nan
    return rows


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"queries": QUERIES[:, :3]}, "queries has 3 columns but models has 4"),
        ({"queries": QUERIES[0]}, r"queries: holds float64 of shape \(4,\)"),
        ({"models": np.full((9, 4), "x")}, "models: holds <U1"),
        ({"models": np.empty((0, 4))}, r"models: holds float64 of shape \(0, 4\)"),
        ({"queries": with_nan()}, r"queries\[3\]: it has a NaN"),
        ({"query_labels": QUERY_LABELS[1:]}, "queries: 7 rows, but query_labels has 6 labels"),
        ({"query_labels": [*"abcabcd"]}, r"query_labels\[6\]: category 'd' is not in model_labels"),
        ({"query_labels": [*"xxxxxxx"], "skip_unknown": True}, "correct the labels"),
        ({"query_instances": SHOWN}, "need each other"),
        ({"query_instances": SHOWN, "model_instances": NAMES[1:]}, "model_instances: 8 names"),
        ({"query_instances": SHOWN, "model_instances": ["m"] * 9}, "a name occurs twice"),
        ({"distance": "l2"}, "no distance 'l2'; choose one of cosine, euclidean"),
        ({"flavour": "mine"}, "no flavour 'mine'"),
    ],
)
def test_what_does_not_fit_is_one_clear_line(changed, said) -> None:
    with pytest.raises(UserError, match=said) as caught:
        evaluate(**changed)
    assert "\n" not in str(caught.value)
