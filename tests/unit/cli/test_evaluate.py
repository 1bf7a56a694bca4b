from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner, Result

from ucmgcn.cli.main import main
from ucmgcn.evaluate.metrics import METRICS

# Six models; each query's embedding orders them as in the design's hand vector (T = 3).
LABELS = {"m": ["a", "b", "a", "b", "b", "ß c"], "q": ["a", "b"]}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    # Columns are the models, so a query's coordinates are its similarities to them.
    orders = [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]]
    queries = np.array([[6.0 - o.index(j) for j in range(6)] for o in orders])
    np.save(tmp_path / "q.npy", queries)
    np.save(tmp_path / "m.npy", np.eye(6))
    for name, lines in LABELS.items():
        (tmp_path / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def run(folder: Path, *more: str, **changed: str) -> Result:
    given = {
        "query-embeddings": "q.npy",
        "query-labels": "q.txt",
        "model-embeddings": "m.npy",
        "model-labels": "m.txt",
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    options = [part for name, value in given.items() for part in (f"--{name}", str(folder / value))]
    return CliRunner().invoke(main, ["evaluate", *options, *more])


def test_hand_vector_as_json(files):
    got = json.loads(run(files, "--json").stdout)
    expected = {"NN": 0.5, "FT": 0.416667, "ST": 1.0, "DCG": 0.4400469, "ANMRR": 0.5606061}
    for name, value in {**expected, "F": 0.2222222}.items():
        assert got[name] == pytest.approx(value, abs=5e-7), name
    assert list(got)[:8] == list(METRICS)
    assert got["ceilings"]["F"] == pytest.approx(0.2222222, abs=5e-8)
    assert (got["n_queries"], got["n_models"], got["n_categories"]) == (2, 6, 3)


def test_table_names_the_settings_and_the_ceilings(files):
    result = run(files, "--official-preprocess")
    assert result.exit_code == 0
    assert "perfect" in result.stdout and "official preprocessing" in result.stdout
    assert all(f"\n{name} " in result.stdout for name in METRICS)


def test_all_formats_give_the_same_numbers(files):
    queries, models = np.load(files / "q.npy"), np.load(files / "m.npy")
    np.savetxt(files / "q.csv", queries, delimiter=",")
    np.savetxt(files / "m.csv", models, delimiter=",")
    with h5py.File(files / "both.h5", "w") as file:
        file["photo/id"], file["photo/x"], file["model/x"] = [b"a", b"b"], queries, models
    with h5py.File(files / "one.h5", "w") as file:
        file["features"] = models
    expected = run(files, "--json").stdout
    assert (
        run(files, "--json", query_embeddings="q.csv", model_embeddings="m.csv").stdout == expected
    )
    mixed = run(files, "--json", query_embeddings="both.h5::photo/x", model_embeddings="one.h5")
    assert mixed.stdout == expected


def test_legacy_flavour_and_instances(files):
    (files / "qi.txt").write_text("two\nthree\n")
    (files / "mi.txt").write_text("one\ntwo\nthree\nfour\nfive\nsix\n")
    more = ["--query-instances", str(files / "qi.txt"), "--model-instances", str(files / "mi.txt")]
    got = json.loads(run(files, "--json", "--flavour", "legacy", *more).stdout)
    assert (got["R@1"], got["R@5"], got["R@10"]) == (0.0, 1.0, 1.0)
    assert got["flavour"] == "legacy" and got["mAP"] == got["AUC"]


def spoil(folder: Path, name: str) -> None:
    queries = np.load(folder / "q.npy")
    match name:
        case "columns":
            np.save(folder / "q.npy", queries[:, :4])
        case "rows":
            np.save(folder / "q.npy", queries[:1])
        case "nan":
            queries[1, 2] = np.nan
            np.save(folder / "q.npy", queries)
        case "empty labels":
            (folder / "q.txt").write_text("\n\n")
        case "empty matrix":
            np.save(folder / "q.npy", np.empty((0, 6)))
        case "unknown category":
            (folder / "q.txt").write_text("a\nunicorn\n")
        case "pickle":
            np.save(folder / "q.npy", np.array([{}], dtype=object), allow_pickle=True)
        case "missing":
            (folder / "q.npy").unlink()
        case "not text":
            (folder / "m.txt").write_bytes(b"\xff\xfe\x00")
        case "text":
            np.save(folder / "q.npy", np.array([["a"] * 6] * 2))
        case "truncated":
            (folder / "q.npy").write_bytes((folder / "q.npy").read_bytes()[:90])


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ("columns", "q.npy has 4 columns but"),
        ("rows", "1 rows, but"),
        ("nan", "q.npy, row 2: it has a NaN"),
        ("empty labels", "the file is empty"),
        ("empty matrix", "one row an item"),
        ("unknown category", "line 2: category 'unicorn' is not in"),
        ("pickle", "cannot be read as .npy"),
        ("missing", "No such file"),
        ("not text", "cannot be read as text"),
        ("text", "must hold numbers"),
        ("truncated", "cannot be read as .npy"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(files, mistake, said):
    spoil(files, mistake)
    result = run(files, "--json")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr


def test_unknown_categories_can_be_left_out_and_are_counted(files):
    spoil(files, "unknown category")
    got = json.loads(run(files, "--json", "--skip-unknown").stdout)
    assert (got["n_queries"], got["n_left_out"]) == (1, 1)
    assert got["left_out_categories"] == ["unicorn"]
    assert "unicorn" in run(files, "--skip-unknown").stdout
    (files / "q.txt").write_text("x\ny\n")
    assert run(files, "--skip-unknown").exit_code == 2


@pytest.mark.parametrize(
    ("name", "said"), [("q.txt", "unknown kind of file"), ("both.h5", "name one of its datasets")]
)
def test_other_files_are_refused(files, name, said):
    with h5py.File(files / "both.h5", "w") as file:
        file["a"] = file["b"] = np.eye(6)
    result = run(files, query_embeddings=name)
    assert result.exit_code == 2 and said in result.stderr


def test_instances_need_both_files_and_unique_names(files):
    (files / "i.txt").write_text("\n".join("aabcde") + "\n")
    half = run(files, "--model-instances", str(files / "i.txt"))
    assert half.exit_code == 2 and "need each other" in half.stderr
    (files / "qi.txt").write_text("a\nb\n")
    twice = run(
        files, "--model-instances", str(files / "i.txt"), "--query-instances", str(files / "qi.txt")
    )
    assert twice.exit_code == 2 and "occurs twice" in twice.stderr
