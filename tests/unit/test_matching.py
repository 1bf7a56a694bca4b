from __future__ import annotations

import numpy as np
import torch

from ucmgcn.matching import balanced_neighbourhoods, transport_plan
from ucmgcn.spaces import normalise


def test_the_plan_has_the_marginals_and_the_form_of_entropic_transport() -> None:
    similarity = torch.rand(6, 4, generator=torch.Generator().manual_seed(0))
    log_plan = transport_plan(similarity, 0.3)
    plan = log_plan.exp()
    torch.testing.assert_close(plan.sum(1), torch.full((6,), 1 / 6))
    torch.testing.assert_close(plan.sum(0), torch.full((4,), 1 / 4), atol=1e-4, rtol=0)
    residual = log_plan - similarity / 0.3  # of the form f_i + g_j
    rest = residual - residual[:1] - residual[:, :1] + residual[:1, :1]
    assert rest.abs().max() < 1e-4


def test_a_sharp_plan_is_the_best_assignment() -> None:
    generator = torch.Generator().manual_seed(1)
    shuffle = torch.randperm(5, generator=generator)
    similarity = torch.rand(5, 5, generator=generator) * 0.2
    similarity[torch.arange(5), shuffle] += 1.0
    similarity[:, 2] += 2.0  # a hub
    assert (similarity.argmax(1) == 2).all()
    torch.testing.assert_close(transport_plan(similarity, 0.02).argmax(1), shuffle)


def test_neighbourhoods_are_symmetric_and_give_every_model_a_photo() -> None:
    generator = np.random.default_rng(0)
    photos = normalise(generator.normal(size=(20, 4)).astype(np.float32))
    models = normalise(generator.normal(size=(8, 4)).astype(np.float32))
    edges = balanced_neighbourhoods(photos, models, 3, 0.1, torch.device("cpu"))
    matrix = np.zeros((28, 28))
    np.add.at(matrix, (edges.sources, edges.destinations), edges.weights)
    counts = np.zeros((28, 28))
    np.add.at(counts, (edges.sources, edges.destinations), 1)
    assert counts.max() == 1
    np.testing.assert_allclose(matrix, matrix.T)
    assert (counts[20:, :20].sum(1) >= 3).all()
    assert (counts[:20, 20:].sum(1) >= 3).all()
    assert edges.weights.max() <= 1 + 1e-6
    assert edges.weights.min() >= 0
