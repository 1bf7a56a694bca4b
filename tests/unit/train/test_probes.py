"""Whose photos are left out: of each category in turn, or of all but a few."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ucmgcn.evaluate.options import EvaluationOptions
from ucmgcn.evaluate.stage import EvaluationInputs, evaluate_dataset
from ucmgcn.files.embeddings import asked_photos, embedding_widths, protocols_in, read_embeddings
from ucmgcn.files.shards import ShardWriter
from ucmgcn.graph.stage import build_graph
from ucmgcn.media.cameras import icosahedron
from ucmgcn.settings import GraphConfig, PropagationConfig, Settings, TrainConfig
from ucmgcn.train.probes import DRAWS, drawn, measured_categories, probes_of
from ucmgcn.train.stage import ProbeInputs, train_probes

CATEGORIES = [*"abcdef", ""] * 4
NOBODY = np.zeros(28, dtype=bool)
GRAPH = GraphConfig(k=4, dims=8)
SETTINGS = Settings(GRAPH, PropagationConfig(), TrainConfig(epochs=2, hidden=16, dims=8), 0, "cpu")


def test_open_leaves_out_one_category_a_fold_and_asks_it() -> None:
    (folds,) = probes_of(CATEGORIES, NOBODY, ["open"]).values()
    assert len(folds) == 6
    for fold in folds:
        np.testing.assert_array_equal(fold.without, fold.asked)
        assert fold.attached and fold.asked.sum() == 4
        assert len({CATEGORIES[i] for i in np.flatnonzero(fold.asked)} - {""}) == 1
    assert sum(fold.asked for fold in folds).tolist() == [bool(name) for name in CATEGORIES]


def test_skewed_holds_few_categories_drawn_by_a_seed() -> None:
    probes = probes_of(CATEGORIES, NOBODY, ["skewed"])
    assert list(probes) == [f"skewed-{n}/{draw}" for n in (1, 2, 4) for draw in range(DRAWS)]
    for name, (fold,) in probes.items():
        assert fold.asked.sum() == 4 * int(name[7]) and not fold.attached
        np.testing.assert_array_equal(fold.without, ~fold.asked)
    assert len({tuple(drawn("abcdef", 4, draw)) for draw in range(DRAWS)}) > 1
    assert drawn("abcdef", 4, 0)[:2] == drawn("abcdef", 2, 0)


def test_a_draw_of_all_categories_is_no_draw(caplog: pytest.LogCaptureFixture) -> None:
    assert not any("skewed-4" in name for name in probes_of([*"abcd"], NOBODY[:4], ["skewed"]))
    assert "no row skewed-4" in caplog.text


def test_context_is_not_asked_and_no_labels_mean_no_probe(
    caplog: pytest.LogCaptureFixture,
) -> None:
    context = np.array([name in "ab" for name in CATEGORIES])
    (folds,) = probes_of(CATEGORIES, context, ["open"]).values()
    assert len(folds) == 4
    assert probes_of([""] * 28, NOBODY, ["open", "skewed"]) == {}
    assert "no labels" in caplog.text


class Pipeline:
    """Features of 3 categories, and a fourth without a model."""

    def __init__(self, folder: Path, labelled: bool = True) -> None:
        generator = np.random.default_rng(0)
        centres = 3 * np.eye(4, 16)
        self.folder, self.labelled = folder, labelled
        self.photos = {
            f"{'abcd'[i % 4]}/{i:02d}": centres[i % 4] + generator.normal(size=16) + 1
            for i in range(40)
        }
        self.views = centres[np.arange(24) % 3][:, None] + generator.normal(size=(24, 12, 16))

    def run(self, name: str) -> dict[str, Path]:
        """Write graph, probes and tables into a folder of this name; return the probes."""
        out = self.folder / name
        out.mkdir(parents=True)
        models = [f"{'abc'[i % 3]}/{i:02d}" for i in range(24)]
        images = self._manifest(out / "images.csv", list(self.photos))
        gallery = self._manifest(out / "models.csv", models)
        rows = np.stack(list(self.photos.values()))
        shards = [
            _shard(out / "i.h5", "image-features", list(self.photos), rows),
            _shard(out / "v.h5", "view-features", models, self.views),
        ]
        graph, nodes = out / "graph.h5", out / "nodes.h5"
        build_graph(shards[:1], shards[1:], graph, out / "graph.json", nodes, GRAPH)
        files = {method: out / "seed-0" / f"{method}.h5" for method in ("ucm-gcn", "propagation")}
        (out / "seed-0").mkdir()
        inputs = ProbeInputs(graph, nodes, images, gallery)
        train_probes(inputs, files, SETTINGS, ["open", "skewed"])
        evaluation = EvaluationInputs(
            "toy", "none", gallery, images, shards[:1], shards[1:],
            probed={method: [path] for method, path in files.items()},
        )  # fmt: skip
        evaluate_dataset(evaluation, out / "tables", EvaluationOptions(["max-pool"], resamples=10))
        return files

    def _manifest(self, path: Path, ids: list[str]) -> Path:
        category = [id.partition("/")[0] if self.labelled else "" for id in ids]
        frame = pd.DataFrame({"id": ids, "path": ids, "category": category, "split": ""})
        frame.to_csv(path, index=False)
        return path


def _shard(path: Path, kind: str, ids: list[str], rows: np.ndarray) -> Path:
    extra = {"cameras": icosahedron()} if kind == "view-features" else {}
    with ShardWriter(path, kind, {}, "features", rows.shape[1:], "f4", extra=extra) as writer:
        writer.add_many(ids, rows.astype(np.float32))
    return path


def test_the_rows_of_the_probes(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path)
    files = pipeline.run("a")
    categories = measured_categories(
        list(pipeline.photos), tmp_path / "a/images.csv", tmp_path / "a/models.csv"
    )
    assert {*categories} == {"a", "b", "c", ""}
    for path in files.values():
        assert len(protocols_in(path)) == 1 + 2 * DRAWS
        assert asked_photos(path, "open") == {id for id in pipeline.photos if id[0] != "d"}
        assert len(asked_photos(path, "skewed-2/1")) == 20
    assert not (tmp_path / "a/seed-0/unfinished").exists()
    table = pd.read_csv(tmp_path / "a/tables/metrics.csv").set_index(["protocol", "method"])
    assert len(table) == 1 + 3 * 3
    assert table.loc["open", "n_queries"].tolist() == [30] * 3
    assert table["photos_seen"].to_dict() == {
        ("inductive", "max-pool"): 0,
        **{(protocol, "max-pool"): 0 for protocol in ("open", "skewed-1", "skewed-2")},
        **{
            (protocol, method): seen
            for protocol, seen in (("open", 30), ("skewed-1", 10), ("skewed-2", 20))
            for method in files
        },
    }
    seeds = pd.read_csv(tmp_path / "a/tables/metrics_per_seed.csv")
    ours = seeds[(seeds["protocol"] == "skewed-1") & (seeds["method"] == "ucm-gcn")]
    assert sorted(ours["draw"]) == list(range(DRAWS))
    row = table.loc["skewed-1", "ucm-gcn"]
    assert row["FT"] == pytest.approx(ours["FT"].mean(), abs=1e-6)
    assert row["FT_std"] == pytest.approx(ours["FT"].std(ddof=1), abs=1e-6)
    assert np.isnan(row["FT_lo"]) and "4 draws" in row["note"]
    tests = pd.read_csv(tmp_path / "a/tables/significance.csv")
    assert set(zip(tests["protocol"], tests["baseline_protocol"], strict=True)) == {
        ("open", "open")
    }
    assert {*tests["baseline"]} == {"max-pool", "propagation"}


def test_a_photo_left_out_is_nothing_to_the_answers_of_its_fold(tmp_path: Path) -> None:
    """Its space, graph and network are made without it, and so are the others' answers."""
    one, other = Pipeline(tmp_path), Pipeline(tmp_path)
    other.photos["a/00"] = other.photos["a/00"][::-1].copy()
    runs = one.run("a"), other.run("b")
    others = [id for id in one.photos if id[0] == "a" and id != "a/00"]
    for method in ("ucm-gcn", "propagation"):
        widths = embedding_widths(runs[0][method], "open")
        for group, ids in (("photo", others), ("model", [f"a/{i:02d}" for i in range(0, 24, 3)])):
            was, now = (read_embeddings(files[method], group, "open", ids) for files in runs)
            np.testing.assert_array_equal(was[:, : widths[0]], now[:, : widths[0]])
            # In the folds of the other categories it is a node, and counts.
            assert group == "photo" or (was[:, widths[0] :] != now[:, widths[0] :]).any()


def test_without_labels_there_are_no_such_rows(tmp_path: Path) -> None:
    files = Pipeline(tmp_path, labelled=False).run("a")
    assert all(protocols_in(path) == [] for path in files.values())
    assert pd.read_csv(tmp_path / "a/tables/metrics.csv")["protocol"].tolist() == ["inductive"]
