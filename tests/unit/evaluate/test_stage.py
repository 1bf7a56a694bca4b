from __future__ import annotations

import csv
import gzip
import io
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from ucmgcn.core.errors import UserError
from ucmgcn.evaluate import ranking_file
from ucmgcn.evaluate.assess import RetrievalTask, assess
from ucmgcn.evaluate.baselines import BASELINES, KReciprocal
from ucmgcn.evaluate.metrics import METRICS, retrieval, summarise
from ucmgcn.evaluate.options import EvaluationOptions
from ucmgcn.evaluate.ranking import EmbeddingScorer
from ucmgcn.evaluate.results import Result
from ucmgcn.evaluate.significance import holm
from ucmgcn.evaluate.stage import EvaluationInputs, evaluate_dataset, load_task
from ucmgcn.files.embeddings import read_embeddings
from ucmgcn.files.rows import read_rows
from ucmgcn.files.shards import ShardWriter

CATEGORIES = ("bed", "car", "NA")
OPTIONS = EvaluationOptions(top=7, resamples=50)
HEAD = [
    "dataset",
    "method",
    "supervision",
    "protocol",
    "backbone",
    "n_seeds",
    "n_queries",
    "n_models",
]


def write_manifest(path: Path, ids: list[str], categories: list[str], **more: list[str]) -> Path:
    columns = {"id": ids, "path": [f"/data/{i}" for i in ids], "category": categories}
    frame = pd.DataFrame(columns | {"split": "", "size": 1, "mtime_ns": 1} | more)
    frame.to_csv(path, index=False)
    return path


def write_shards(folder: Path, kind: str, ids: list[str], items: np.ndarray) -> list[Path]:
    """Two shards in another order than the manifest."""
    paths = []
    for part in (1, 0):
        path = folder / kind / f"shard-{part:03d}.h5"
        rows = list(range(part, len(ids), 2))[::-1]
        with ShardWriter(path, kind, {}, "features", items.shape[1:], np.float32) as shard:
            shard.add_many([ids[i] for i in rows], items[rows])
        paths.append(path)
    return paths


def write_embeddings(path: Path, tables: dict[str, tuple[list[str], np.ndarray]]) -> Path:
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        for group, (ids, rows) in tables.items():
            file.create_dataset(f"{group}/id", data=ids, dtype=h5py.string_dtype())
            file[f"{group}/transductive"] = rows.astype(np.float32)
            file[f"{group}/inductive"] = rows[:, :-2].astype(np.float32)
        file["photo/context"] = np.zeros(len(tables["photo"][0]), dtype=bool)
    return path


def make_inputs(tmp_path: Path) -> EvaluationInputs:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 16))
    photo, model = rng.integers(3, size=30), rng.integers(3, size=24)
    photos = [f"{CATEGORIES[c]}/p{i:02d}" for i, c in enumerate(photo)]
    models = [f"{CATEGORIES[c]}/m{i:02d}" for i, c in enumerate(model)]
    image = (centres[photo] + rng.normal(size=(30, 16))).astype(np.float32)
    view = (centres[model][:, None] + rng.normal(size=(24, 3, 16))).astype(np.float32)
    learned = {
        method: [
            write_embeddings(
                tmp_path / "runs" / method / f"seed-{seed}" / "embeddings.h5",
                {
                    "model": (models[::-1], centres[model[::-1]] + rng.normal(size=(24, 16))),
                    "photo": (photos, centres[photo] + spread * rng.normal(size=(30, 16))),
                },
            )
            for seed in seeds
        ]
        for method, seeds, spread in (("ucm-gcn", (0, 1), 0.3), ("propagation", (0,), 1.0))
    }
    return EvaluationInputs(
        dataset="toy",
        backbone="lite0",
        models=write_manifest(tmp_path / "models.csv", models, [CATEGORIES[c] for c in model]),
        images=write_manifest(tmp_path / "images.csv", photos, [CATEGORIES[c] for c in photo]),
        image_features=write_shards(tmp_path, "image-features", photos, image),
        view_features=write_shards(tmp_path, "view-features", models, view),
        learned=learned,
    )


@pytest.fixture
def inputs(tmp_path: Path) -> EvaluationInputs:
    return make_inputs(tmp_path)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[EvaluationInputs, Path]:
    """A data set and the folder of its tables, for tests that only read."""
    folder = tmp_path_factory.mktemp("evaluated")
    inputs = make_inputs(folder)
    evaluate_dataset(inputs, folder / "tables", OPTIONS)
    return inputs, folder / "tables"


def table(folder: Path, name: str) -> pd.DataFrame:
    text = ["category", "retrieved", "note", "verdict", "query"]
    return pd.read_csv(
        folder / name,
        keep_default_na=False,
        na_values=dict.fromkeys(METRICS, ""),
        dtype=dict.fromkeys(text, str),
    )


def test_the_metrics_table_has_its_columns_and_rows(evaluated):
    _, tables = evaluated
    got = table(tables, "metrics.csv")
    spread = [f"{name}_std" for name in METRICS]
    assert list(got.columns)[: len(HEAD) + 16] == [*HEAD, *METRICS, *spread]
    rows = [(r.method, r.protocol, r.n_seeds) for r in got.itertuples()]
    assert rows == [
        ("max-pool", "inductive", 1),
        ("mean-pool", "inductive", 1),
        ("max-view", "inductive", 1),
        ("alpha-qe", "inductive", 1),
        ("k-reciprocal", "transductive", 1),
        ("ucm-gcn", "transductive", 2),
        ("ucm-gcn", "inductive", 2),
        ("propagation", "transductive", 1),
        ("propagation", "inductive", 1),
    ]
    assert set(got["n_queries"]) == {30} and set(got["n_models"]) == {24}
    assert (got["F"] <= got["F_ceiling"]).all()
    assert ((got["FT_lo"] <= got["FT"]) & (got["FT"] <= got["FT_hi"])).all()


def test_max_pool_row_against_a_direct_computation(evaluated):
    inputs, tables = evaluated
    row = table(tables, "metrics.csv").iloc[0]
    images, models = pd.read_csv(inputs.images, dtype=str), pd.read_csv(inputs.models, dtype=str)
    queries = read_rows(inputs.image_features, "image-features", images["id"].tolist())
    views = read_rows(inputs.view_features, "view-features", models["id"].tolist())
    pooled = views.max(axis=1)
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries, pooled)]
    order = np.argsort(-(unit[0] @ unit[1].T), axis=1)
    label = models["id"].str.split("/").str[0].to_numpy()
    relevance = label[order] == images["id"].str.split("/").str[0].to_numpy()[:, None]
    expected = summarise(retrieval(relevance, largest=int(pd.Series(label).value_counts().max())))
    for name in METRICS:
        assert row[name] == pytest.approx(expected[name], abs=1e-6), name


def test_seeds_are_averaged_and_their_spread_is_the_sample_sd(evaluated):
    _, tables = evaluated
    mean = table(tables, "metrics.csv").set_index(["method", "protocol"])
    seeds = table(tables, "metrics_per_seed.csv")
    ours = seeds[(seeds["method"] == "ucm-gcn") & (seeds["protocol"] == "inductive")]
    assert ours["seed"].tolist() == ["0", "1"]
    row = mean.loc[("ucm-gcn", "inductive")]
    assert row["mAP"] == pytest.approx(ours["mAP"].mean(), abs=2e-6)
    assert float(row["mAP_std"]) == pytest.approx(ours["mAP"].std(ddof=1), abs=2e-6)
    assert mean.loc[("max-pool", "inductive")]["mAP_std"] == ""


def test_outputs_are_the_same_bytes_for_any_block_size_and_threads(inputs, tmp_path):
    evaluate_dataset(inputs, tmp_path / "a", OPTIONS)
    evaluate_dataset(inputs, tmp_path / "b", replace(OPTIONS, block_size=4, threads=2))
    names = sorted(p.name for p in (tmp_path / "a").glob("[!.]*"))
    assert len(names) == 10
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_ranking_lists_the_nearest_models_of_each_query(evaluated):
    _, tables = evaluated
    got = table(tables, "ranking.csv.gz")
    assert list(got.columns)[:6] == ["query", "method", "rank", "model", "score", "hit"]
    assert len(got) == 30 * 7 * 9
    for _, part in got.groupby(["method", "protocol", "query"]):
        assert part["rank"].tolist() == list(range(1, 8))
        assert part["score"].is_monotonic_decreasing
    same = got["query"].str.split("/").str[0] == got["model"].str.split("/").str[0]
    assert (same.astype(int) == got["hit"]).all()
    first = got[got["rank"] == 1].groupby(["method", "protocol"])["hit"].mean()
    metrics = table(tables, "metrics.csv").set_index(["method", "protocol"])["NN"]
    single = metrics.drop([("ucm-gcn", p) for p in ("inductive", "transductive")])
    pd.testing.assert_series_equal(
        first[single.index], single, check_names=False, check_dtype=False, atol=1e-6
    )


def test_per_category_means_agree_with_the_whole(evaluated):
    _, tables = evaluated
    parts = table(tables, "metrics_per_category.csv")
    whole = table(tables, "metrics.csv").set_index(["method", "protocol"])
    assert set(parts["category"]) == set(CATEGORIES)
    for key, part in parts.groupby(["method", "protocol"]):
        for name in ("NN", "FT", "ST", "DCG", "ANMRR", "mAP"):
            mean = np.average(part[name], weights=part["n_queries"])
            assert whole.loc[key, name] == pytest.approx(mean, abs=2e-6)


def test_confusion_rows_sum_to_one(evaluated):
    _, tables = evaluated
    got = table(tables, "confusion.csv")
    total = got.groupby(["method", "protocol", "category"])["share"].sum()
    assert len(total) == 9 * 3
    np.testing.assert_allclose(total, 1.0, atol=1e-5)


def test_significance_compares_ucm_gcn_with_every_other_method(evaluated):
    _, tables = evaluated
    got = table(tables, "significance.csv")
    assert set(got["method"]) == {"ucm-gcn"}
    for protocol, part in got.groupby("protocol"):
        assert set(part["baseline"]) == {*BASELINES, "propagation"}
        graph = part[part["baseline"] == "propagation"]
        assert set(graph["baseline_protocol"]) == {protocol}
    gap = got["method_mean"] - got["baseline_mean"]
    np.testing.assert_allclose(gap, got["difference"], atol=2e-6)
    assert ((got["lo"] <= got["difference"]) & (got["difference"] <= got["hi"])).all()
    assert (got["lo_categories"] <= got["hi_categories"]).all() and set(got["n_categories"]) == {3}
    assert (got["p_holm"] >= got[["p_value", "p_categories"]].max(axis=1)).all()


def test_one_family_of_tests_answers_one_question(evaluated):
    _, tables = evaluated
    got = table(tables, "significance.csv")
    assert set(got["family"]) == {
        f"{question}, {protocol}, {metric}"
        for question in ("graph", "network")
        for protocol in ("transductive", "inductive")
        for metric in ("NN", "FT", "ST", "DCG", "ANMRR", "mAP")
    }
    assert (got["family"].str.startswith("network") == (got["baseline"] == "propagation")).all()
    for _, part in got.groupby("family"):
        p = part[["p_value", "p_categories"]].max(axis=1)
        np.testing.assert_allclose(part["p_holm"], holm(p), atol=2e-6)


def test_the_verdict_is_level_unless_the_wider_interval_excludes_zero(evaluated):
    _, tables = evaluated
    got = table(tables, "significance.csv")
    over = got["hi_categories"] - got["lo_categories"] > got["hi"] - got["lo"]
    low = got["lo"].where(~over, got["lo_categories"])
    high = got["hi"].where(~over, got["hi_categories"])
    level = (got["p_holm"] >= 0.05) | ((low <= 0) & (high >= 0))
    assert ((got["verdict"] == "level") == level).all()
    better = (got["difference"] > 0) != (got["metric"] == "ANMRR")
    assert (better.map({True: "better", False: "worse"})[~level] == got["verdict"][~level]).all()


def test_the_strongest_baseline_is_marked_for_each_metric(evaluated):
    _, tables = evaluated
    got = table(tables, "significance.csv")
    for (_, metric), part in got.groupby(["protocol", "metric"]):
        mean = part["baseline_mean"] * (-1 if metric == "ANMRR" else 1)
        assert (part["strongest"] == (mean == mean.max())).all()


def test_photos_that_a_row_was_made_of_are_counted(inputs, tmp_path):
    path = inputs.learned["propagation"][0]
    with h5py.File(path, "r+") as file:
        file["seen/transductive"] = np.full(30, 30)
        file["seen/inductive"] = np.arange(30)
    evaluate_dataset(inputs, tmp_path / "tables", OPTIONS)
    got = table(tmp_path / "tables", "metrics.csv").set_index(["method", "protocol"])["photos_seen"]
    assert got["max-pool", "inductive"] == got["alpha-qe", "inductive"] == "0.000000"
    assert float(got["k-reciprocal", "transductive"]) == 30
    assert float(got["propagation", "transductive"]) == 30
    assert float(got["propagation", "inductive"]) == 14
    assert got["ucm-gcn", "inductive"] == ""


def test_what_a_seed_does_not_change_is_ranked_once_and_reranked(inputs, tmp_path):
    first = inputs.learned["propagation"][0]
    second = first.parent.with_name("seed-1") / first.name
    second.parent.mkdir()
    shutil.copy(first, second)
    learned = {"propagation": [first, second], "k-reciprocal-centred": [first, second]}
    evaluate_dataset(
        replace(inputs, learned=learned), tmp_path / "tables", replace(OPTIONS, baselines=[])
    )
    got = table(tmp_path / "tables", "metrics.csv").set_index(["method", "protocol"])
    assert got["n_seeds"].to_dict() == {
        ("propagation", "transductive"): 1,
        ("propagation", "inductive"): 2,
        ("k-reciprocal-centred", "transductive"): 1,
    }
    ranking = table(tmp_path / "tables", "ranking.csv.gz")
    again = ranking[ranking["method"] == "k-reciprocal-centred"]
    task = load_task(inputs)
    rows = [read_embeddings(first, kind, "transductive", ids)
            for kind, ids in (("photo", task.queries), ("model", task.models))]  # fmt: skip
    order = np.argsort(-KReciprocal(*rows).scores(slice(0, 30)), axis=1, kind="stable")[:, :7]
    assert again["model"].tolist() == [task.models[j] for row in order for j in row]


def test_precision_recall_curve_and_plots(evaluated):
    _, tables = evaluated
    curve = table(tables, "pr_curve.csv")
    area = table(tables, "metrics.csv").set_index(["method", "protocol"])["AUC"]
    for key, part in curve.groupby(["method", "protocol"]):
        assert part["depth"].tolist() == list(range(1, 25))
        if key[0] != "ucm-gcn":  # its curve and area are means over seeds
            got = np.trapezoid(part["precision"], part["recall"])
            assert got == pytest.approx(area[key], abs=1e-5)
    svg = (tables / "pr_curve.svg").read_text()
    assert "<svg" in svg
    assert (tables / "pr_curve.png").read_bytes().startswith(b"\x89PNG")


def test_the_training_split_is_neither_query_nor_gallery(inputs, tmp_path):
    for path in (inputs.images, inputs.models):
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        frame["split"] = [("train", "test", "")[i % 3] for i in range(len(frame))]
        frame.to_csv(path, index=False)
    evaluate_dataset(inputs, tmp_path / "tables", OPTIONS)
    got = table(tmp_path / "tables", "metrics.csv")
    assert set(got["n_queries"]) == {20} and set(got["n_models"]) == {16}
    assert set(got["n_left_out"]) == {10}
    frame["split"] = "train"
    frame.to_csv(inputs.models, index=False)
    with pytest.raises(UserError, match="nothing is under test"):
        evaluate_dataset(inputs, tmp_path / "tables", OPTIONS)


def test_labelled_photos_are_not_queries_of_any_method(inputs, tmp_path):
    source = replace(inputs, supervision={"ucm-gcn": "source"}, label_seed=2)
    context = source.roles().context
    evaluate_dataset(source, tmp_path / "tables", OPTIONS)
    got = table(tmp_path / "tables", "metrics.csv")
    assert set(got["n_queries"]) == {30 - len(context)} and set(got["n_left_out"]) == {len(context)}
    ours = got["method"] == "ucm-gcn"
    assert set(got[ours]["supervision"]) == {"source"}
    assert set(got[~ours]["supervision"]) == {"none"}
    left_out = table(tmp_path / "tables", "left_out.csv")
    assert set(left_out["query"]) == set(context) and 10 <= len(context) <= 15
    assert left_out["reason"].str.contains("label was used").all()
    ranking = table(tmp_path / "tables", "ranking.csv.gz")
    assert not set(ranking["query"]) & set(context)


def test_a_query_that_was_trained_on_is_refused(inputs, tmp_path):
    path = inputs.learned["ucm-gcn"][0]
    with h5py.File(path, "r+") as file:
        file["photo/context"][4] = True
    with pytest.raises(UserError, match=r"is a query now, but was trained on"):
        evaluate_dataset(inputs, tmp_path / "tables", OPTIONS)


def test_a_category_without_a_model_is_left_out_counted_and_listed(inputs, tmp_path):
    frame = pd.read_csv(inputs.images, dtype=str, keep_default_na=False)
    frame.loc[[2, 5], "category"] = ["unicorn", ""]
    frame.to_csv(inputs.images, index=False)
    evaluate_dataset(inputs, tmp_path / "tables", OPTIONS)
    got = table(tmp_path / "tables", "metrics.csv")
    assert set(got["n_queries"]) == {28} and set(got["n_left_out"]) == {2}
    left_out = table(tmp_path / "tables", "left_out.csv")
    assert left_out.to_numpy().tolist() == [
        [frame["id"][2], "unicorn", "no model of this category"],
        [frame["id"][5], "", "unlabelled"],
    ]


def test_unlabelled_data_are_ranked_and_not_measured(inputs, tmp_path, caplog):
    for path in (inputs.images, inputs.models):
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        frame.assign(category="").to_csv(path, index=False)
    evaluate_dataset(inputs, tmp_path / "tables", OPTIONS)
    assert "no labels" in caplog.text
    got = table(tmp_path / "tables", "metrics.csv")
    assert list(got.columns)[: len(HEAD) + len(METRICS)] == [*HEAD, *METRICS]
    assert len(got) == 9 and got[list(METRICS)].isna().all(axis=None)
    assert set(got["note"]) == {"no labels"} and set(got["n_queries"]) == {30}
    ranking = table(tmp_path / "tables", "ranking.csv.gz")
    assert len(ranking) == 30 * 7 * 9 and set(ranking["hit"]) == {""}
    for name in ("significance", "confusion", "pr_curve", "metrics_per_category"):
        assert len(table(tmp_path / "tables", f"{name}.csv")) == 0


def test_exact_instances_add_their_recall(inputs, tmp_path):
    models = pd.read_csv(inputs.models, dtype=str)["id"]
    frame = pd.read_csv(inputs.images, dtype=str, keep_default_na=False)
    frame["model_id"] = [models[i % 24] if i else "" for i in range(30)]
    frame.to_csv(inputs.images, index=False)
    evaluate_dataset(inputs, tmp_path / "tables", replace(OPTIONS, top=24))
    got = table(tmp_path / "tables", "metrics.csv").set_index(["method", "protocol"])
    ranking = table(tmp_path / "tables", "ranking.csv.gz")
    own = ranking.merge(frame[["id", "model_id"]], left_on="query", right_on="id")
    own = own[(own["model"] == own["model_id"]) & (own["method"] == "max-pool")]
    for depth in (1, 5, 10):
        expected = (own["rank"] <= depth).sum() / 29
        assert got.loc[("max-pool", "inductive"), f"R@{depth}"] == pytest.approx(expected, abs=1e-6)


def test_flavour_and_preprocessing_are_named_in_the_table(inputs, tmp_path):
    options = replace(OPTIONS, flavour="legacy", official_preprocess=True, baselines=["max-pool"])
    evaluate_dataset(inputs, tmp_path / "tables", options)
    row = table(tmp_path / "tables", "metrics.csv").iloc[0]
    assert (row["flavour"], row["preprocess"]) == ("legacy", "official")
    assert row["mAP"] == row["AUC"]


def test_embeddings_that_do_not_fit_are_refused(inputs, tmp_path):
    path = inputs.learned["ucm-gcn"][0]
    known = pd.read_csv(inputs.images, dtype=str)["id"][0]
    with pytest.raises(UserError, match=r"1 of 2 photo ids are missing, first 'nobody'"):
        read_embeddings(path, "photo", "inductive", ["nobody", known])
    with h5py.File(path, "r+") as file:
        ids = [str(i) for i in file["photo/id"].asstr()[:]]
        file["photo/inductive"][3, 1] = np.nan
    with pytest.raises(UserError, match=f"photo '{ids[3]}' is not finite"):
        read_embeddings(path, "photo", "inductive", ids)
    Path(path).write_bytes(b"not an HDF5 file")
    with pytest.raises(UserError, match="train again"):
        evaluate_dataset(inputs, tmp_path / "tables", OPTIONS)


def test_wrong_inputs_are_user_errors(inputs, tmp_path):
    with pytest.raises(UserError, match="'min-pool'"):
        evaluate_dataset(inputs, tmp_path, replace(OPTIONS, baselines=["min-pool"]))
    with pytest.raises(UserError, match="no method"):
        evaluate_dataset(replace(inputs, learned={}), tmp_path, replace(OPTIONS, baselines=[]))
    with pytest.raises(UserError, match="there are no photos"):
        evaluate_dataset(replace(inputs, image_features=[]), tmp_path, OPTIONS)


def test_the_gzip_header_carries_no_time_and_no_name(evaluated):
    _, tables = evaluated
    raw = (tables / "ranking.csv.gz").read_bytes()
    assert raw[3] == 0 and raw[4:8] == bytes(4)
    assert gzip.decompress(raw).startswith(b"query,method,rank")


def test_the_ranking_equals_the_output_of_a_csv_writer(tmp_path, monkeypatch):
    monkeypatch.setattr(ranking_file, "QUERIES_PER_PART", 2)
    queries = ["a,b", 'quo"te', "plain", "line\nbreak", "unknown"]
    models = ["m", 'm "2"', "m,3"]
    task = RetrievalTask(queries, models, ["x", "y", "", "x", "z"], ["x", "y", "x"])
    rng = np.random.default_rng(0)
    run = assess(EmbeddingScorer(rng.normal(size=(5, 3)), rng.normal(size=(3, 3))), task, top=2)
    result = Result("max-pool", "inductive", "none", [""], [run])
    expected = io.StringIO()
    writer = csv.writer(expected, lineterminator="\n")
    writer.writerow(["query", "method", "rank", "model", "score", "hit", "protocol", "seed"])
    for q, query in enumerate(queries):
        for rank, (m, score) in enumerate(zip(run.top[q], run.top_scores[q], strict=True), 1):
            hit = int(task.query_labels[q] == task.model_labels[m])
            hit = hit if task.query_labels[q] else ""
            writer.writerow(
                [query, "max-pool", rank, models[m], f"{score:.6f}", hit, "inductive", ""]
            )
    for threads in (1, 3):
        ranking_file.write_ranking(tmp_path / "r.csv.gz", task, [result], 2, threads)
        with gzip.open(tmp_path / "r.csv.gz", "rt", newline="") as file:
            assert file.read() == expected.getvalue()
