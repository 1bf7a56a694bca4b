"""The baselines on the network's own ground, against slow and obvious computations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from clusters import GRAPH, LABELS, MODELS, PHOTOS, ROLES, SETTINGS, SOURCE, TRAIN, build

from ucmgcn.core.errors import UserError
from ucmgcn.datasets.roles import Roles
from ucmgcn.graph.attach import embed_queries, joined
from ucmgcn.graph.build import link, refit
from ucmgcn.graph.file import load_graph, read_nodes
from ucmgcn.graph.flat_graph import FlatGraph, flatten
from ucmgcn.graph.space import normalise
from ucmgcn.settings import Settings
from ucmgcn.train.baselines import EMBED, embed_baselines
from ucmgcn.train.freeze import freeze_propagation
from ucmgcn.train.matching import potentials, shown_shares, target_edges
from ucmgcn.train.protocols import Fold, FoldEmbeddings, folds_of
from ucmgcn.train.stage import train_baselines

# Own features have the same share for every photo, familiar or not.
PLAIN = replace(SETTINGS, propagation=replace(SETTINGS.propagation, familiarity=False))
LABELLED = replace(SOURCE, propagation=PLAIN.propagation)
LABEL_FREE = [method for method in EMBED if method != "ridge"]
NOBODY = np.zeros(PHOTOS, dtype=bool)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("graph"), PHOTOS, MODELS, GRAPH)


def embed(
    built: Path, part: Fold, settings: Settings = PLAIN, roles: Roles | None = None
) -> dict[str, FoldEmbeddings]:
    methods = LABEL_FREE if roles is None else list(EMBED)
    files = built / "graph.h5", built / "nodes.h5"
    return embed_baselines(*files, settings, roles or Roles(), methods, part)


@pytest.fixture(scope="module")
def parts() -> list[Fold]:
    return folds_of(read_ids(), NOBODY, TRAIN.folds, 0)


def read_ids() -> list[str]:
    return [f"{i:03d}" for i in range(PHOTOS)]


@pytest.fixture(scope="module")
def everyone(built: Path, parts: list[Fold]) -> dict[str, FoldEmbeddings]:
    return embed(built, parts[0])


@pytest.fixture(scope="module")
def held_out(built: Path, parts: list[Fold]) -> dict[str, FoldEmbeddings]:
    return embed(built, parts[1])


def rows_of(found: FoldEmbeddings) -> np.ndarray:
    return np.vstack([found.photos, found.models])


def own_of(built: Path) -> np.ndarray:
    flat = flat_of(built)
    return flat.ends(flat.features).numpy()


def found_share(found: FoldEmbeddings, asked: np.ndarray) -> float:
    best = (found.photos @ found.models.T).argmax(1)
    return float((best % 3 == np.flatnonzero(asked) % 3).mean())


@pytest.mark.parametrize("method", LABEL_FREE)
def test_every_baseline_finds_models_of_the_photos_category(
    method: str, everyone: dict, held_out: dict, parts: list[Fold]
) -> None:
    assert found_share(everyone[method], parts[0].asked) > 0.85
    assert found_share(held_out[method], parts[1].asked) > 0.8
    for found in (everyone[method], held_out[method]):
        np.testing.assert_allclose(np.linalg.norm(rows_of(found), axis=1), 1, atol=1e-5)


def test_mean_pool_is_centred_as_the_space_of_the_fold(everyone, held_out, built, parts) -> None:
    nodes = read_nodes(built / "nodes.h5")

    def unit(rows: np.ndarray) -> np.ndarray:
        return rows / np.linalg.norm(rows, axis=-1, keepdims=True)

    for part, found in ((parts[0], everyone), (parts[1], held_out)):
        photos, views = unit(nodes.photo_features), unit(nodes.view_features)
        centre = refit(nodes, part.without, GRAPH).space.photo_mean
        shown = unit(photos - centre)[part.asked]
        pooled = unit(unit(views - views.mean(axis=(0, 1))).mean(axis=1))
        np.testing.assert_allclose(found["mean-pool-centred"].photos, shown, atol=1e-5)
        np.testing.assert_allclose(found["mean-pool-centred"].models, pooled, atol=1e-5)


@pytest.mark.parametrize("settings", [PLAIN, SETTINGS])
def test_propagation_is_what_a_search_by_it_answers(
    built: Path, parts: list[Fold], settings: Settings
) -> None:
    files = built / "graph.h5", built / "nodes.h5"
    everyone, held_out = (
        embed_baselines(*files, settings, Roles(), ["propagation"], part)["propagation"]
        for part in parts[:2]
    )
    nodes = read_nodes(built / "nodes.h5")
    state = freeze_propagation(load_graph(built / "graph.h5"), nodes.space, settings)
    np.testing.assert_array_equal(everyone.photos, state.known)
    np.testing.assert_array_equal(everyone.models, state.gallery)
    fold = refit(nodes, parts[1].without, GRAPH)
    state = freeze_propagation(link(fold, GRAPH), fold.space, settings)
    expected = embed_queries(state, nodes.photo_features[parts[1].asked])
    np.testing.assert_array_equal(held_out.photos, expected)


def flat_of(built: Path) -> FlatGraph:
    return flatten(load_graph(built / "graph.h5"), False, torch.device("cpu"))


def dense_diffusion(
    own: np.ndarray, spread: np.ndarray, settings: Settings, trust: float
) -> np.ndarray:
    """Propagation with a dense matrix of the network's targets."""
    edges = target_edges(spread, PHOTOS, settings, trust, torch.device("cpu"))
    weights = np.zeros((len(own), len(own)))
    weights[edges.destinations, edges.sources] = edges.weights
    scale = weights.sum(axis=1) ** -0.5
    matrix = scale[:, None] * weights * scale
    hidden = own
    for _ in range(settings.propagation.hops):
        hidden = (1 - settings.propagation.teleport) * matrix @ hidden
        hidden = hidden + settings.propagation.teleport * own
    return normalise(hidden.astype(np.float32))


@pytest.mark.parametrize("matching", ["transport", "nearest"])
def test_diffusion_propagates_over_the_targets(built: Path, parts, matching: str) -> None:
    settings = replace(PLAIN, train=replace(TRAIN, matching=matching))
    found = embed(built, parts[0], settings)
    own, spread = own_of(built), rows_of(found["propagation"])
    space = read_nodes(built / "nodes.h5").space
    expected = dense_diffusion(own, spread, settings, space.trust)
    np.testing.assert_allclose(rows_of(found["diffusion"]), expected, atol=1e-5)
    side_by_side = joined(spread, expected, own, 0.0, space.learned_share)
    np.testing.assert_allclose(rows_of(found["diffusion-joined"]), side_by_side, atol=1e-5)


def test_diffusion_takes_one_step_to_a_new_photo(built: Path, held_out: dict, parts) -> None:
    nodes = read_nodes(built / "nodes.h5")
    fold = refit(nodes, parts[1].without, GRAPH)
    state = freeze_propagation(link(fold, GRAPH), fold.space, PLAIN)
    n, teleport = len(fold.photos), PLAIN.propagation.teleport
    photos, models = state.spread[:n], state.spread[n:]
    sides, entropy = (torch.tensor(photos), torch.tensor(models)), TRAIN.transport_entropy
    shares = shown_shares(*sides, entropy, fold.space.trust)
    _, columns = potentials(*sides, entropy, TRAIN.transport_balance, shares)
    own = fold.space.photos(nodes.photo_features[parts[1].asked])
    spread = embed_queries(state, nodes.photo_features[parts[1].asked])
    gallery = held_out["diffusion"].models
    known = embed(built, replace(parts[1], asked=parts[1].without))  # the same photos
    assert np.array_equal(known["diffusion"].photos, held_out["diffusion"].photos)
    mass = np.exp(spread @ models.T / TRAIN.transport_entropy + columns.numpy())
    for row, x, y, found in zip(mass, own, spread, held_out["diffusion"].photos, strict=True):
        heavy = np.argsort(-row)[:3]
        near = np.argsort(-(photos @ y))[:3]
        total = (row[heavy] / row.max()) @ gallery[heavy]
        total = total + np.maximum(photos @ y, 0)[near] @ fold_rows(state, fold)[near]
        expected = normalise((1 - teleport) * normalise(total[None])[0] + teleport * x)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def fold_rows(state, fold) -> np.ndarray:
    n = len(fold.photos)
    own = np.vstack([state.features[:n], state.features[-MODELS:]])
    edges = target_edges(state.spread, n, PLAIN, state.space.trust, torch.device("cpu"))
    weights = np.zeros((len(own), len(own)))
    weights[edges.destinations, edges.sources] = edges.weights
    scale = weights.sum(axis=1) ** -0.5
    hidden = own
    for _ in range(PLAIN.propagation.hops):
        hidden = 0.95 * (scale[:, None] * weights * scale) @ hidden + 0.05 * own
    return normalise(hidden.astype(np.float32))


def test_a_share_of_own_features_is_in_every_joined_embedding(built: Path, parts, everyone) -> None:
    half = replace(PLAIN, propagation=replace(PLAIN.propagation, residual=0.5))
    found = embed(built, parts[0], half)
    own = own_of(built)
    for method in ("propagation", "diffusion", "diffusion-joined"):
        expected = np.hstack([rows_of(everyone[method]), own]) / np.sqrt(2)
        np.testing.assert_allclose(rows_of(found[method]), expected, atol=1e-6)


def test_the_mlp_passes_no_messages(built: Path, parts: list[Fold]) -> None:
    """What it adds is a function of a node's own features: the same for a photo in each role."""
    flat = flat_of(built)
    assert flat.without_edges().adjacency(flat.features)[0].abs().sum() == 0
    asked = np.arange(PHOTOS) == 7
    fold = replace(parts[1], asked=asked | parts[1].without)
    new, nodes = (embed(built, part)["mlp"].photos for part in (fold, replace(fold, asked=asked)))
    new, node = new[np.flatnonzero(fold.asked) == 7], nodes[np.flatnonzero(~fold.without) == 7]
    np.testing.assert_allclose(new[:, -TRAIN.dims :], node[:, -TRAIN.dims :], atol=1e-6)


@pytest.mark.parametrize("full_batch_nodes", [0, 200_000])
def test_the_mlp_trains_in_full_and_in_mini_batches(
    built: Path, parts: list[Fold], full_batch_nodes: int
) -> None:
    train = replace(TRAIN, full_batch_nodes=full_batch_nodes, batch=24, per_relation=True)
    files = built / "graph.h5", built / "nodes.h5"
    settings = replace(PLAIN, train=train)
    found = embed_baselines(*files, settings, Roles(), ["mlp"], parts[0])["mlp"]
    assert found_share(found, parts[0].asked) > 0.9


def test_a_labelled_mlp_is_without_propagation(built: Path) -> None:
    part = folds_of(read_ids(), ROLES.mask(read_ids()), 2, 0)[0]
    found = embed(built, part, LABELLED, ROLES)["mlp"]
    assert found.photos.shape[1] == TRAIN.dims and found_share(found, part.asked) > 0.9


def test_ridge_is_the_closed_form(built: Path, parts: list[Fold]) -> None:
    part = folds_of(read_ids(), ROLES.mask(read_ids()), 2, 0)[0]
    found = embed(built, part, LABELLED, ROLES)
    own, spread = own_of(built), rows_of(found["propagation"])
    rows = np.hstack([own, spread]).astype(np.float64)
    known = np.array([id in LABELS for id in read_ids()])
    classes = np.array(["abc".index(LABELS[id]) for id in read_ids() if id in LABELS])
    inputs, targets = rows[:PHOTOS][known], np.eye(3)[classes]
    middle = inputs.mean(axis=0)
    centred = inputs - middle
    weights = np.linalg.solve(
        centred.T @ centred + np.eye(rows.shape[1]), centred.T @ (targets - targets.mean(axis=0))
    )
    expected = normalise(((rows - middle) @ weights + targets.mean(axis=0)).astype(np.float32))
    np.testing.assert_allclose(rows_of(found["ridge"]), expected, atol=1e-4)


def test_ridge_without_labels_is_a_user_error(built: Path, tmp_path: Path) -> None:
    files = built / "graph.h5", built / "nodes.h5", {"ridge": tmp_path / "ridge.h5"}
    with pytest.raises(UserError, match="needs labelled photos"):
        train_baselines(*files, SOURCE)


def test_the_files_hold_the_folds_of_the_seed(built: Path, tmp_path: Path) -> None:
    files = {m: tmp_path / f"{m}.h5" for m in LABEL_FREE}
    train_baselines(built / "graph.h5", built / "nodes.h5", files, PLAIN, processes=3)
    again = tmp_path / "again.h5"
    seed = replace(PLAIN, seed=1)
    train_baselines(built / "graph.h5", built / "nodes.h5", {"propagation": again}, seed)
    with h5py.File(files["propagation"]) as first, h5py.File(again) as second:
        assert np.array_equal(first["photo/transductive"], second["photo/transductive"])
        assert not np.array_equal(first["photo/inductive"], second["photo/inductive"])
        assert set(first["seen/transductive"][:]) == {PHOTOS}
        assert first["seen/inductive"][:].max() < PHOTOS
