from __future__ import annotations

import dgl
import pytest
import torch

from ucmgcn.graph.message_passing import (
    Adjacency,
    diffuse,
    normalised_adjacency,
    pass_messages,
    sparse_matrix,
)

SOURCES = torch.tensor([0, 1, 1, 2, 3, 0, 3, 2])
DESTINATIONS = torch.tensor([1, 0, 2, 1, 0, 3, 2, 3])
WEIGHTS = torch.tensor([1.0, 1.0, 0.5, 0.5, 2.0, 2.0, 0.1, 0.1])
FEATURES = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))


def graph() -> dgl.DGLGraph:
    return dgl.graph((SOURCES, DESTINATIONS), num_nodes=5)


def dense(weights: torch.Tensor = WEIGHTS) -> torch.Tensor:
    return torch.zeros(5, 5).index_put_((DESTINATIONS, SOURCES), weights)


def test_both_kernels_are_the_matrix_product_and_have_its_gradient() -> None:
    results = []
    for kernel in (
        lambda x: pass_messages(graph(), WEIGHTS, x),
        lambda x: torch.sparse.mm(sparse_matrix(graph(), WEIGHTS), x),
        lambda x: dense() @ x,
    ):
        x = FEATURES.clone().requires_grad_()
        out = kernel(x)
        (out**2).sum().backward()
        results.append((out.detach(), x.grad))
    for out, gradient in results[:2]:
        torch.testing.assert_close(out, results[2][0])
        torch.testing.assert_close(gradient, results[2][1])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")
def test_the_gpu_gives_the_same_numbers() -> None:
    out = pass_messages(graph(), WEIGHTS.cuda(), FEATURES.cuda())
    torch.testing.assert_close(out.cpu(), dense() @ FEATURES)


def adjacency() -> Adjacency:
    half = [
        (SOURCES[:4], DESTINATIONS[:4], WEIGHTS[:4]),
        (SOURCES[4:], DESTINATIONS[4:], WEIGHTS[4:]),
    ]
    return normalised_adjacency(half, 5, torch.device("cpu"))


def test_normalisation_counts_all_groups_and_survives_an_isolated_node() -> None:
    root = dense().sum(1).clamp_min(1e-12).rsqrt()
    expected = root[:, None] * dense() * root[None] @ FEATURES
    torch.testing.assert_close(torch.stack(adjacency()(FEATURES)).sum(0), expected)
    assert adjacency().degree[4] == 0


def test_dropping_edges_keeps_the_expectation() -> None:
    torch.manual_seed(0)
    mean = torch.stack([torch.stack(adjacency().dropped(0.5)(FEATURES)) for _ in range(4000)]).mean(
        0
    )
    torch.testing.assert_close(mean, torch.stack(adjacency()(FEATURES)), atol=0.08, rtol=0)


def test_diffusion_converges_to_personalised_pagerank() -> None:
    operator = adjacency()
    matrix = torch.stack(operator(torch.eye(5))).sum(0)
    expected = 0.2 * torch.linalg.inv(torch.eye(5) - 0.8 * matrix) @ FEATURES
    torch.testing.assert_close(diffuse(FEATURES, operator, 200, 0.2), expected, atol=1e-5, rtol=0)
    assert diffuse(FEATURES, operator, 0, 0.2) is FEATURES
