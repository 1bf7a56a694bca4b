from __future__ import annotations

from dataclasses import replace

import dgl
import numpy as np
import pytest
import torch

from ucmgcn.graph.build import make_graph
from ucmgcn.graph.edges import neighbourhoods
from ucmgcn.graph.flat_graph import FlatGraph, flatten
from ucmgcn.graph.message_passing import sparse_matrix
from ucmgcn.graph.space import normalise
from ucmgcn.media.cameras import icosahedron
from ucmgcn.settings import GraphConfig
from ucmgcn.train import losses, sampling
from ucmgcn.train.gcn import UCMGCN
from ucmgcn.train.sampling import ALL_NEIGHBOURS, Batch, MiniBatches, Targets, whole_graph

PHOTOS, MODELS, VIEWS, SIZE = 40, 15, 12, 6
ENDS = PHOTOS + MODELS


def flat_graph(per_relation: bool = False) -> FlatGraph:
    generator = np.random.default_rng(0)
    photos = normalise(generator.normal(size=(PHOTOS, SIZE)).astype(np.float32))
    views = normalise(generator.normal(size=(MODELS, VIEWS, SIZE)).astype(np.float32))
    models = normalise(views.mean(axis=1))
    graph = make_graph(photos, views, models, icosahedron(), GraphConfig(k=4))
    return flatten(graph, per_relation, torch.device("cpu"))


def target_pairs(flat: FlatGraph) -> Targets:
    rows = flat.ends(flat.features).numpy()
    edges = neighbourhoods(rows[:PHOTOS], rows[PHOTOS:], 3)
    pairs = torch.from_numpy(np.stack([edges.sources, edges.destinations]))
    return Targets(pairs, torch.from_numpy(edges.weights) + 0.01)


def network(flat: FlatGraph, layers: int = 2, hops: int = 0) -> UCMGCN:
    torch.manual_seed(0)
    return UCMGCN([SIZE, *[7] * (layers - 1), 5], len(flat.kinds), 0.0, hops, 0.1)


def loss_of(net: UCMGCN, batch: Batch) -> torch.Tensor:
    z = net(batch.features, batch.aggregate)[batch.rows]
    loss = losses.info_nce(z, batch.pairs, batch.weights, 0.5)
    return loss + losses.coral(z[: batch.photos], z[batch.photos :])


@pytest.mark.parametrize(
    ("per_relation", "layers", "hops"), [(False, 2, 0), (True, 2, 0), (False, 1, 3), (True, 3, 1)]
)
def test_a_batch_of_all_nodes_and_neighbours_equals_the_whole_graph(
    per_relation: bool, layers: int, hops: int
) -> None:
    flat = flat_graph(per_relation)
    targets = target_pairs(flat)
    batches = MiniBatches(flat, targets, ENDS, ALL_NEIGHBOURS, layers + hops)
    (batch,) = batches.epoch(0, 0.0)
    net = network(flat, layers, hops)
    found = []
    for part in (whole_graph(flat, targets, 0.0), batch):
        net.zero_grad()
        loss = loss_of(net, part)
        loss.backward()
        found.append([loss.detach(), *(p.grad.clone() for p in net.parameters())])
    for sampled, full in zip(found[1], found[0], strict=True):
        torch.testing.assert_close(sampled, full, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(batch.ends, torch.arange(ENDS))


def test_a_batch_with_all_neighbours_gives_its_rows_of_the_whole_graph() -> None:
    flat = flat_graph()
    net = network(flat)
    whole = flat.ends(net(flat.features, flat.adjacency))
    for batch in MiniBatches(flat, target_pairs(flat), 10, ALL_NEIGHBOURS, 2).epoch(0, 0.0):
        rows = net(batch.features, batch.aggregate)[batch.rows]
        torch.testing.assert_close(rows, whole[batch.ends], atol=1e-5, rtol=1e-5)


def test_a_sampled_sum_has_the_expectation_of_the_whole_sum() -> None:
    flat = flat_graph()
    exact = flat.ends(flat.adjacency(flat.features)[0])
    batches = MiniBatches(flat, target_pairs(flat), ENDS, 3, 1)
    total = torch.zeros_like(exact)
    draws = 600
    for seed in range(draws):
        (batch,) = batches.epoch(seed, 0.0)
        total += batch.aggregate(batch.features)[0]
    torch.testing.assert_close(total / draws, exact, atol=0.06, rtol=0)
    (batch,) = batches.epoch(0, 0.0)
    assert (batch.aggregate(batch.features)[0] - exact).abs().max() > 0.2


def test_an_epoch_covers_all_photos_and_models_and_keeps_targets_within_batches() -> None:
    flat = flat_graph()
    targets = target_pairs(flat)
    dense = torch.zeros(ENDS, ENDS).index_put_(tuple(targets.pairs), targets.weights)
    batches = MiniBatches(flat, targets, 20, 2, 2)
    seen = list(batches.epoch(4, 0.0))
    assert len(seen) == len(batches) == 3
    assert set(torch.cat([batch.ends for batch in seen]).tolist()) == set(range(ENDS))
    for batch in seen:
        assert 18 <= len(batch.ends) <= 2 * 20
        assert batch.photos == (batch.ends < PHOTOS).sum()
        n = len(batch.ends)
        within = torch.zeros(n, n).index_put_(tuple(batch.pairs), batch.weights)
        torch.testing.assert_close(within, dense[batch.ends][:, batch.ends])
        assert (within.sum(1) > 0).all()


def drawn(seed: int) -> list[torch.Tensor]:
    flat = flat_graph()
    batches = MiniBatches(flat, target_pairs(flat), 20, 2, 2)
    return [part for b in batches.epoch(seed, 0.0) for part in (b.ends, b.features, b.weights)]


def test_batches_depend_on_the_seed_and_not_on_the_threads() -> None:
    first = drawn(7)
    threads = dgl.utils.get_num_threads()
    try:
        dgl.utils.set_num_threads(3 - min(threads, 2))
        again = drawn(7)
        assert dgl.utils.get_num_threads() == 3 - min(threads, 2)
    finally:
        dgl.utils.set_num_threads(threads)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    other = drawn(8)
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_nodes_without_targets_or_edges_are_allowed() -> None:
    flat = flat_graph()
    targets = target_pairs(flat)
    kept = (targets.pairs != 0).all(0)
    lone = Targets(targets.pairs[:, kept], targets.weights[kept])
    graph, weight = flat.adjacency.relations[0]
    edges = (graph.edges()[0] != 0) & (graph.edges()[1] != 0)
    cut = dgl.graph(tuple(end[edges] for end in graph.edges()), num_nodes=graph.num_nodes())
    flat = replace(flat, adjacency=replace(flat.adjacency, relations=[(cut, weight[edges])]))
    for batch in MiniBatches(flat, lone, 20, 2, 2).epoch(0, 0.0):
        assert torch.isfinite(loss_of(network(flat), batch))


def test_torchs_product_gives_the_embeddings_of_dgls_kernel_on_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flat = flat_graph()
    net, batches = network(flat), MiniBatches(flat, target_pairs(flat), 20, 3, 2)
    dgls = [net(b.features, b.aggregate) for b in batches.epoch(0, 0.0)]
    monkeypatch.setattr(
        sampling, "pass_messages", lambda g, w, x: torch.sparse.mm(sparse_matrix(g, w), x)
    )
    for batch, expected in zip(batches.epoch(0, 0.0), dgls, strict=True):
        rows = net(batch.features, batch.aggregate)
        torch.testing.assert_close(rows, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")
def test_a_gpu_gives_the_losses_of_the_cpu_on_the_same_batches() -> None:
    flat = flat_graph()
    there = replace(
        flat,
        features=flat.features.cuda(),
        adjacency=replace(
            flat.adjacency,
            relations=[(g, w.cuda()) for g, w in flat.adjacency.relations],
            degree=flat.adjacency.degree.cuda(),
        ),
    )
    targets = target_pairs(flat)
    on_gpu = Targets(targets.pairs.cuda(), targets.weights.cuda())
    for mine, theirs in zip(
        MiniBatches(flat, targets, 20, 3, 2).epoch(0, 0.0),
        MiniBatches(there, on_gpu, 20, 3, 2).epoch(0, 0.0),
        strict=True,
    ):
        assert torch.equal(mine.ends, theirs.ends.cpu())
        cpu, gpu = loss_of(network(flat), mine), loss_of(network(there).cuda(), theirs)
        torch.testing.assert_close(gpu.cpu(), cpu, atol=1e-3, rtol=1e-3)
