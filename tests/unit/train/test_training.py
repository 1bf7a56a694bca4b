from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from clusters import GRAPH, LABELS, MODELS, PHOTOS, ROLES, SETTINGS, SIZE, SOURCE, TRAIN, build

from ucmgcn.core.errors import UserError
from ucmgcn.datasets.roles import Roles
from ucmgcn.graph import message_passing
from ucmgcn.graph.attach import embed_queries, embed_query
from ucmgcn.graph.file import read_nodes
from ucmgcn.graph.message_passing import sparse_matrix
from ucmgcn.graph.stage import build_graph
from ucmgcn.settings import Settings
from ucmgcn.train.baselines import EMBED
from ucmgcn.train.freeze import load_frozen
from ucmgcn.train.protocols import held_out
from ucmgcn.train.sampling import Batch
from ucmgcn.train.stage import Files, train_baselines, train_seed
from ucmgcn.train.training import Training


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("graph"), PHOTOS, MODELS, GRAPH)


def train(
    built: Path,
    out: Path,
    settings: Settings = SETTINGS,
    roles: Roles | None = None,
    processes: int = 1,
) -> Files:
    files = Files(out / "checkpoint.pt", out / "history.csv", out / "embeddings.h5")
    train_seed(built / "graph.h5", built / "nodes.h5", files, settings, roles, processes)
    return files


def rows(path: Path, protocol: str) -> tuple[np.ndarray, np.ndarray]:
    with h5py.File(path) as file:
        return file["photo"][protocol][:], file["model"][protocol][:]


def check_lengths(photos: np.ndarray, models: np.ndarray, least: float = 1.0) -> None:
    """Models have unit length; a photo's is that of its weights over the roots of the gallery's."""
    sizes = np.linalg.norm(models, axis=1)
    assert sizes.min() > least - 1e-5 and sizes.max() < 1 + 1e-5
    lengths = np.linalg.norm(photos, axis=1)
    assert lengths.min() > 1 - 1e-5 and lengths.max() < 2**0.5 + 1e-5
    assert np.abs(photos @ models.T).max() < 1 + 1e-5


def accuracy(path: Path, protocol: str) -> float:
    photos, models = rows(path, protocol)
    return float(((photos @ models.T).argmax(1) % 3 == np.arange(PHOTOS) % 3).mean())


@pytest.fixture(scope="module")
def trained(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return train(built, tmp_path_factory.mktemp("trained"))


def test_the_files_are_complete(built: Path, trained: Files) -> None:
    for protocol in ("transductive", "inductive"):
        photos, models = rows(trained.embeddings, protocol)
        assert (len(photos), len(models)) == (PHOTOS, MODELS)
        check_lengths(photos, models)
    with h5py.File(trained.embeddings) as file:
        assert list(file["photo/id"].asstr()[:]) == read_nodes(built / "nodes.h5").photos
    history = pd.read_csv(trained.history)
    assert history.groupby("part").size().to_dict() == {"all": 6, "fold-0": 6, "fold-1": 6}
    assert np.isfinite(history[["loss", "discrimination", "correlation"]]).all().all()
    losses = history[history["part"] == "all"]["loss"].to_numpy()
    assert losses[-1] < losses[0]
    assert sorted(p.name for p in trained.checkpoint.parent.glob("[!.]*")) == [
        "checkpoint.pt", "embeddings.h5", "history.csv",
    ]  # fmt: skip


def test_both_protocols_find_models_of_the_photos_category(trained: Files) -> None:
    assert accuracy(trained.embeddings, "transductive") > 0.9
    assert accuracy(trained.embeddings, "inductive") > 0.85


def test_a_seed_gives_the_same_numbers_and_another_seed_others(
    built: Path, trained: Files, tmp_path: Path
) -> None:
    again = train(built, tmp_path / "again")
    assert rows(again.embeddings, "inductive")[0].tobytes() == (
        rows(trained.embeddings, "inductive")[0].tobytes()
    )
    other = train(built, tmp_path / "other", replace(SETTINGS, seed=1))
    assert not np.allclose(
        rows(other.embeddings, "transductive")[0], rows(trained.embeddings, "transductive")[0]
    )


def test_parallel_trainings_give_the_same_numbers_as_sequential_ones(
    built: Path, trained: Files, tmp_path: Path
) -> None:
    files = train(built, tmp_path, processes=3)
    for protocol in ("transductive", "inductive"):
        for mine, theirs in zip(
            rows(files.embeddings, protocol), rows(trained.embeddings, protocol), strict=True
        ):
            np.testing.assert_array_equal(mine, theirs)
    assert files.history.read_text() == trained.history.read_text()
    networks = [torch.load(f.checkpoint, weights_only=True) for f in (files, trained)]
    assert all(torch.equal(networks[1][name], value) for name, value in networks[0].items())


def test_an_interrupted_training_ends_with_the_same_numbers(
    built: Path, trained: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epoch = Training._epoch
    left = iter(range(11))  # interrupted before the sixth epoch of the second network

    def failing(self: Training, seed: int) -> dict[str, float]:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return epoch(self, seed)

    monkeypatch.setattr(Training, "_epoch", failing)
    with pytest.raises(KeyboardInterrupt):
        train(built, tmp_path)
    assert not (tmp_path / "embeddings.h5").exists()
    taken: list[int] = []

    def counting(self: Training, seed: int) -> dict[str, float]:
        taken.append(1)
        return epoch(self, seed)

    monkeypatch.setattr(Training, "_epoch", counting)
    files = train(built, tmp_path)
    assert len(taken) == 8  # 2 epochs of the second network, and 6 of the third
    for protocol in ("transductive", "inductive"):
        for mine, theirs in zip(
            rows(files.embeddings, protocol), rows(trained.embeddings, protocol), strict=True
        ):
            np.testing.assert_array_equal(mine, theirs)
    assert files.history.read_text() == trained.history.read_text()


def test_a_query_is_embedded_the_same_alone_and_among_others(built: Path, trained: Files) -> None:
    frozen = load_frozen(built / "graph.h5", built / "nodes.h5", trained.checkpoint, SETTINGS)
    queries = np.random.default_rng(5).normal(size=(7, SIZE)).astype(np.float32)
    together = embed_queries(frozen, queries)
    for i, query in enumerate(queries):
        np.testing.assert_array_equal(embed_query(frozen, query), together[i])
    check_lengths(together, frozen.gallery)
    np.testing.assert_allclose(
        frozen.gallery, rows(trained.embeddings, "transductive")[1], atol=1e-5
    )


def test_no_held_out_photo_changes_the_embedding_of_another(
    built: Path, trained: Files, tmp_path: Path
) -> None:
    shutil.copytree(built, tmp_path / "changed", ignore=shutil.ignore_patterns("*.sha256"))
    ids = read_nodes(built / "nodes.h5").photos
    mask = held_out(ids, np.zeros(PHOTOS, dtype=bool), TRAIN.folds, 0)[0]
    kept, changed = np.flatnonzero(mask)[:2]
    with h5py.File(tmp_path / "changed" / "nodes.h5", "a") as file:
        features = file["photo_features"][:]
        features[changed] = -features[changed]
        file["photo_features"][...] = features
    files = train(tmp_path / "changed", tmp_path / "out")
    width = rows(trained.embeddings, "inductive")[0].shape[1] // TRAIN.folds
    before, after = (rows(f.embeddings, "inductive") for f in (trained, files))
    np.testing.assert_array_equal(before[0][kept], after[0][kept])
    np.testing.assert_array_equal(before[1][:, :width], after[1][:, :width])
    assert not np.allclose(before[0][changed], after[0][changed])


@pytest.mark.parametrize(
    "changes",
    [
        {"layers": 1},
        {"layers": 3, "per_relation": True},
        {"hops": 2, "edge_dropout": 0.3},
        {"discrimination": "spectral"},
        {"correlation": "agreement", "correlation_weight": 1.0},
        {"correlation": "off", "matching": "nearest"},
    ],
)
def test_every_switch_trains(built: Path, tmp_path: Path, changes: dict[str, object]) -> None:
    files = train(built, tmp_path, replace(SETTINGS, train=replace(TRAIN, **changes)))
    assert accuracy(files.embeddings, "transductive") > 0.8
    assert accuracy(files.embeddings, "inductive") > 0.6


@pytest.mark.parametrize(
    "changes", [{"same_kind": False}, {"similarity": "threshold"}, {"model_pooling": "max"}]
)
def test_every_graph_switch_trains(built: Path, tmp_path: Path, changes: dict[str, object]) -> None:
    graph = replace(GRAPH, **changes)
    build_graph(
        [built / "image-features.h5"], [built / "view-features.h5"],
        tmp_path / "graph.h5", tmp_path / "graph.json", tmp_path / "nodes.h5", graph,
    )  # fmt: skip
    files = train(tmp_path, tmp_path / "out", replace(SETTINGS, graph=graph))
    assert accuracy(files.embeddings, "inductive") > 0.6


@pytest.mark.parametrize(
    ("photos", "models", "categories", "changes"),
    [
        (12, 1, 3, {}),
        (1, 8, 3, {}),
        (2, 5, 3, {}),
        (1, 1, 1, {}),
        (12, 8, 1, {}),
        (6, 5, 3, {"k": 50, "view_k": 1000}),
        (12, 1, 3, {"model_pooling": "max"}),
    ],
    ids=["one-model", "one-photo", "two-photos", "one-of-each", "one-category", "k", "max"],
)
def test_the_smallest_sets_train(
    tmp_path: Path, photos: int, models: int, categories: int, changes: dict[str, object]
) -> None:
    graph = replace(GRAPH, **changes)
    build(tmp_path, photos, models, graph, categories)
    settings = replace(SETTINGS, graph=graph)
    learned = train(tmp_path, tmp_path / "out", settings).embeddings
    baselines = {method: tmp_path / f"{method}.h5" for method in EMBED if method != "ridge"}
    train_baselines(tmp_path / "graph.h5", tmp_path / "nodes.h5", baselines, settings)
    for path in (learned, *baselines.values()):
        for protocol in ("transductive", "inductive"):
            # A single model is its own mean: max-pooled and centred, its own features are zero.
            check_lengths(*rows(path, protocol), 0.5**0.5 if "model_pooling" in changes else 1.0)


def test_a_checkpoint_with_other_settings_is_a_user_error(built: Path, trained: Files) -> None:
    wider = replace(SETTINGS, train=replace(TRAIN, hidden=9))
    with pytest.raises(UserError, match="with other settings"):
        load_frozen(built / "graph.h5", built / "nodes.h5", trained.checkpoint, wider)


def test_source_records_which_photos_were_labelled(built: Path, tmp_path: Path) -> None:
    files = train(built, tmp_path, SOURCE, ROLES)
    with h5py.File(files.embeddings) as file:
        np.testing.assert_array_equal(file["photo/context"][:], np.arange(PHOTOS) % 2 == 0)
    assert accuracy(files.embeddings, "transductive") > 0.9
    assert accuracy(files.embeddings, "inductive") > 0.9
    assert pd.read_csv(files.history).groupby("part").size().to_dict() == {"all": 30, "fold-0": 30}


def test_source_groups_photos_as_their_labels_do(built: Path, tmp_path: Path) -> None:
    labels = {id: "xy"[int(id) // 2 % 2] for id in LABELS}  # across the clusters of the features
    roles = Roles(ROLES.context, labels)
    same = np.equal.outer(*[list(labels.values())] * 2)
    gap = {}
    for name, settings in (("none", SETTINGS), ("source", SOURCE)):
        photos = rows(train(built, tmp_path / name, settings, roles).embeddings, "transductive")[0]
        cosine = photos[::2] @ photos[::2].T
        gap[name] = cosine[same].mean() - cosine[~same].mean()
    assert gap["source"] > gap["none"] + 0.08


def test_source_without_labels_is_a_user_error(built: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs labelled photos"):
        train(built, tmp_path, SOURCE)


def test_own_features_weigh_by_familiarity_unless_labels_train(
    built: Path, trained: Files, tmp_path: Path
) -> None:
    ground = built / "graph.h5", built / "nodes.h5"
    free = load_frozen(*ground, trained.checkpoint, SETTINGS)
    assert free.own_share(-1.0) > free.residual
    labelled = train(built, tmp_path, SOURCE, ROLES)
    taught = load_frozen(*ground, labelled.checkpoint, SOURCE)
    assert taught.own_share(-1.0) == taught.residual


def test_labels_change_nothing_without_supervision(
    built: Path, trained: Files, tmp_path: Path
) -> None:
    files = train(built, tmp_path, SETTINGS, Roles(labels=LABELS))
    np.testing.assert_array_equal(
        rows(files.embeddings, "transductive")[0], rows(trained.embeddings, "transductive")[0]
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")
def test_a_gpu_trains_to_the_same_quality(built: Path, tmp_path: Path) -> None:
    files = train(built, tmp_path, replace(SETTINGS, device="cuda"))
    assert accuracy(files.embeddings, "transductive") > 0.9


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")
def test_a_gpu_makes_the_embeddings_of_the_cpu(built: Path, trained: Files) -> None:
    cpu, gpu = (
        load_frozen(
            built / "graph.h5", built / "nodes.h5", trained.checkpoint,
            replace(SETTINGS, device=device),
        )
        for device in ("cpu", "cuda")
    )  # fmt: skip
    np.testing.assert_allclose(gpu.gallery, cpu.gallery, atol=1e-3)
    np.testing.assert_allclose(gpu.known, cpu.known, atol=1e-3)
    queries = np.random.default_rng(5).normal(size=(7, SIZE)).astype(np.float32)
    np.testing.assert_allclose(embed_queries(gpu, queries), embed_queries(cpu, queries), atol=1e-3)


SAMPLED = replace(SETTINGS, train=replace(TRAIN, full_batch_nodes=0, batch=24, fanout=4))


@pytest.fixture(scope="module")
def sampled(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return train(built, tmp_path_factory.mktemp("sampled"), SAMPLED)


def test_mini_batches_find_models_of_the_photos_category(sampled: Files) -> None:
    assert accuracy(sampled.embeddings, "transductive") > 0.9
    assert accuracy(sampled.embeddings, "inductive") > 0.85


def test_mini_batches_resume_to_the_same_numbers(
    built: Path, sampled: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, left = Training._step, iter(range(7))

    def failing(self: Training, batch: Batch) -> dict[str, float]:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return step(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_step", failing)
        with pytest.raises(KeyboardInterrupt):
            train(built, tmp_path, SAMPLED)
    files = train(built, tmp_path, SAMPLED)
    assert files.history.read_text() == sampled.history.read_text()
    for protocol in ("transductive", "inductive"):
        np.testing.assert_array_equal(
            rows(files.embeddings, protocol)[0], rows(sampled.embeddings, protocol)[0]
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"layers": 3, "per_relation": True},
        {"hops": 2, "edge_dropout": 0.3},
        {"discrimination": "spectral"},
        {"correlation": "agreement", "matching": "nearest"},
    ],
)
def test_every_switch_trains_in_mini_batches(
    built: Path, tmp_path: Path, changes: dict[str, object]
) -> None:
    files = train(built, tmp_path, replace(SAMPLED, train=replace(SAMPLED.train, **changes)))
    assert accuracy(files.embeddings, "transductive") > 0.8
    assert accuracy(files.embeddings, "inductive") > 0.6


def test_source_trains_in_mini_batches(built: Path, tmp_path: Path) -> None:
    settings = replace(SOURCE, train=replace(SAMPLED.train, supervision="source", epochs=12))
    files = train(built, tmp_path, settings, ROLES)
    assert accuracy(files.embeddings, "transductive") > 0.9
    assert accuracy(files.embeddings, "inductive") > 0.9


def test_torchs_product_trains_to_the_embeddings_of_dgls_kernel(
    built: Path, trained: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        message_passing,
        "pass_messages",
        lambda graph, weight, x: torch.sparse.mm(sparse_matrix(graph, weight), x),
    )
    files = train(built, tmp_path)
    for protocol in ("transductive", "inductive"):
        for mine, theirs in zip(
            rows(files.embeddings, protocol), rows(trained.embeddings, protocol), strict=True
        ):
            np.testing.assert_allclose(mine, theirs, atol=1e-5)
