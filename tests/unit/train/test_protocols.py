"""Which photos are held out; no query changes the answer to another."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from ucmgcn.datasets.roles import read_roles
from ucmgcn.evaluate.options import EvaluationOptions
from ucmgcn.evaluate.stage import EvaluationInputs, evaluate_dataset
from ucmgcn.files.shards import ShardWriter
from ucmgcn.graph.stage import build_graph
from ucmgcn.media.cameras import icosahedron
from ucmgcn.settings import GraphConfig, PropagationConfig, Settings, TrainConfig
from ucmgcn.train.baselines import EMBED
from ucmgcn.train.protocols import held_out
from ucmgcn.train.stage import Files, train_baselines, train_seed

NOBODY = np.zeros(40, dtype=bool)
IDS = [f"photo {i}" for i in range(40)]
GRAPH = GraphConfig(k=4, dims=8)
TRAIN = TrainConfig(epochs=3, hidden=16, dims=8, folds=2)
SETTINGS = Settings(GRAPH, PropagationConfig(), TRAIN, 0, "cpu")
METHODS = ("ucm-gcn", *(method for method in EMBED if method != "ridge"))  # it needs labels


def test_folds_partition_all_photos() -> None:
    masks = np.array(held_out(IDS, NOBODY, 3, 0))
    np.testing.assert_array_equal(masks.sum(axis=0), np.ones(40))
    assert len(masks) == 3
    assert not np.array_equal(masks, held_out(IDS, NOBODY, 3, 1))


def test_a_photos_fold_does_not_depend_on_the_others() -> None:
    all_photos = held_out(IDS, NOBODY, 3, 0)
    half = held_out(IDS[::2], NOBODY[::2], 3, 0)
    np.testing.assert_array_equal(np.array(all_photos)[:, ::2], half)


def test_two_photos_are_never_held_out_together() -> None:
    for seed in range(8):
        assert np.array(held_out(IDS[:2], NOBODY[:2], 3, seed)).sum(axis=1).tolist() == [1, 1]


def test_with_context_all_queries_are_held_out_at_once() -> None:
    context = np.arange(40) < 5
    (queries,) = held_out(IDS, context, 3, 0)
    np.testing.assert_array_equal(queries, ~context)


class Pipeline:
    """Features of 3 clusters, and the stages from `graph` to `evaluate` on them."""

    def __init__(self, folder: Path, split: str) -> None:
        generator = np.random.default_rng(0)
        centres = 3 * np.eye(3, 16)
        self.folder = folder
        rows = centres[np.arange(60) % 3] + generator.normal(size=(60, 16)) + 1
        self.photos = {f"{'abc'[i % 3]}/{i:02d}": row for i, row in enumerate(rows)}
        self.split = {id: split if i < 30 else "" for i, id in enumerate(self.photos)}
        self.views = centres[np.arange(24) % 3][:, None] + generator.normal(size=(24, 12, 16))

    def run(self, photos: Sequence[str], name: str) -> Path:
        """Write the embeddings and tables of these photos into a folder of this name."""
        out = self.folder / name
        models = [f"{'abc'[i % 3]}/{i:02d}" for i in range(24)]
        images = _manifest(out / "images.csv", photos, [self.split[id] for id in photos])
        rows = np.stack([self.photos[id] for id in photos])
        shards = [
            _shard(out / "i.h5", "image-features", photos, rows),
            _shard(out / "v.h5", "view-features", models, self.views),
        ]
        graph, nodes = out / "graph.h5", out / "nodes.h5"
        build_graph(shards[:1], shards[1:], graph, out / "graph.json", nodes, GRAPH)
        roles = read_roles(images, "none", 0)
        learned = {m: [out / m / "embeddings.h5"] for m in METHODS}
        files = Files(out / "checkpoint.pt", out / "history.csv", learned["ucm-gcn"][0])
        for (path,) in learned.values():
            path.parent.mkdir()
        train_seed(graph, nodes, files, SETTINGS, roles)
        baselines = {m: path for m, (path,) in learned.items() if m != "ucm-gcn"}
        train_baselines(graph, nodes, baselines, SETTINGS, roles)
        inputs = EvaluationInputs(
            "toy", "none", _manifest(out / "models.csv", models, [""] * 24), images,
            shards[:1], shards[1:], learned,
        )  # fmt: skip
        evaluate_dataset(inputs, out / "tables", EvaluationOptions(["max-pool"], resamples=10))
        return out


def _manifest(path: Path, ids: Sequence[str], split: Sequence[str]) -> Path:
    path.parent.mkdir(exist_ok=True)
    category = [id.partition("/")[0] for id in ids]
    frame = pd.DataFrame({"id": ids, "path": ids, "category": category, "split": split})
    frame.to_csv(path, index=False)
    return path


def _shard(path: Path, kind: str, ids: Sequence[str], rows: np.ndarray) -> Path:
    extra = {"cameras": icosahedron()} if kind == "view-features" else {}
    with ShardWriter(path, kind, {}, "features", rows.shape[1:], "f4", extra=extra) as writer:
        writer.add_many(list(ids), rows.astype(np.float32))
    return path


def answers(out: Path, method: str, queries: Sequence[str]) -> tuple[list[bytes], bytes, list[str]]:
    """Inductive embeddings of these queries and of the gallery, and their rows of the ranking."""
    with h5py.File(out / method / "embeddings.h5") as file:
        ids = list(file["photo/id"].asstr()[:])
        photos, gallery = file["photo/inductive"][:], file["model/inductive"][:]
    with gzip.open(out / "tables" / "ranking.csv.gz", "rt") as table:
        rows = [r for r in table if r.split(",")[0] in queries and f",{method}," in r]
    rows = [row for row in rows if ",inductive," in row]
    return [photos[ids.index(id)].tobytes() for id in queries], gallery.tobytes(), rows


def test_queries_of_a_split_do_not_affect_each_other(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path, "train")
    everyone = list(pipeline.photos)
    kept = everyone[30::2]
    outs = pipeline.run(everyone, "whole"), pipeline.run(everyone[:30] + kept, "fewer")
    for method in METHODS:
        whole, fewer = (answers(out, method, kept) for out in outs)
        assert len(whole[2]) == 15 * 24
        assert whole == fewer, method
    listed = pd.read_csv(tmp_path / "whole" / "tables" / "left_out.csv")
    assert listed["query"].tolist() == everyone[:30]


def test_queries_of_one_fold_do_not_affect_each_other(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path, "")
    everyone = list(pipeline.photos)
    first = held_out(everyone, np.zeros(60, dtype=bool), TRAIN.folds, 0)[0]
    fold = [id for id, inside in zip(everyone, first, strict=True) if inside]
    kept = fold[::2]
    stay = [id for id in everyone if id not in fold or id in kept]
    whole, fewer = (pipeline.run(photos, name) for photos, name in ((everyone, "a"), (stay, "b")))
    for method in METHODS:
        one, other = answers(whole, method, kept), answers(fewer, method, kept)
        width = len(one[0][0]) // TRAIN.folds
        assert [row[:width] for row in one[0]] == [row[:width] for row in other[0]], method
        assert one[2] == other[2] and len(one[2]) == len(kept) * 24


def test_the_photos_that_a_row_saw_are_those_of_its_folds(tmp_path: Path) -> None:
    pipeline = Pipeline(tmp_path, "train")
    split = pd.read_csv(pipeline.run(list(pipeline.photos), "a") / "tables" / "metrics.csv")
    pipeline.split = dict.fromkeys(pipeline.photos, "")
    folds = pd.read_csv(pipeline.run(list(pipeline.photos), "b") / "tables" / "metrics.csv")
    for table, inductive in ((split, {30}), (folds, set(range(25, 36)))):
        seen = table.set_index(["method", "protocol"])["photos_seen"]
        assert seen["max-pool", "inductive"] == 0
        assert {seen[method, "transductive"] for method in METHODS} == {60}
        assert {seen[method, "inductive"] for method in METHODS} <= inductive
