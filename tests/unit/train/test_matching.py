from __future__ import annotations

import numpy as np
import pytest
import torch

from ucmgcn.graph.space import normalise
from ucmgcn.train import matching
from ucmgcn.train.matching import balanced_neighbourhoods, potentials, shown_shares


def plan_of(similarity: torch.Tensor, epsilon: float, balance: float = 1.0) -> torch.Tensor:
    """log P of a similarity matrix, whose rows are the photos."""
    f, g = potentials(similarity, torch.eye(similarity.shape[1]).to(similarity), epsilon, balance)
    return similarity / epsilon + f + g


def test_the_plan_has_the_marginals_and_the_form_of_entropic_transport() -> None:
    similarity = torch.rand(6, 4, generator=torch.Generator().manual_seed(0))
    log_plan = plan_of(similarity, 0.3)
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
    torch.testing.assert_close(plan_of(similarity, 0.02).argmax(1), shuffle)


def test_without_balance_each_photo_chooses_for_itself() -> None:
    similarity = torch.rand(6, 4, generator=torch.Generator().manual_seed(0))
    plan = plan_of(similarity, 0.3, 0.0).exp()
    torch.testing.assert_close(plan, (similarity / 0.3).softmax(1) / 6)


def test_a_relaxed_plan_is_the_maximum_of_its_objective() -> None:
    similarity = torch.rand(6, 4, generator=torch.Generator().manual_seed(0)).double()
    epsilon, balance = 0.3, 0.6
    rho = epsilon * balance / (1 - balance)

    def objective(plan: torch.Tensor) -> torch.Tensor:
        columns = plan.sum(0)
        entropy = -(plan * plan.log()).sum()
        divergence = (columns * (columns * 4).log()).sum()
        return (plan * similarity).sum() + epsilon * entropy - rho * divergence

    best = plan_of(similarity, epsilon, balance).exp()
    generator = torch.Generator().manual_seed(1)
    for _ in range(50):
        other = best * (0.02 * torch.randn(6, 4, generator=generator)).exp()
        other = other / other.sum(1, keepdim=True) / 6
        assert objective(other) < objective(best)


def test_neighbourhoods_are_symmetric_and_give_every_model_a_photo() -> None:
    generator = np.random.default_rng(0)
    photos = normalise(generator.normal(size=(20, 4)).astype(np.float32))
    models = normalise(generator.normal(size=(8, 4)).astype(np.float32))
    edges = balanced_neighbourhoods(photos, models, 3, 0.1, 1.0, torch.device("cpu"))
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


@pytest.mark.parametrize("values", [1, 40, 10**9])
def test_blocks_of_any_size_give_the_links_of_the_whole_plan(
    values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(3)
    photos = normalise(generator.normal(size=(30, 4)).astype(np.float32))
    models = normalise(generator.normal(size=(11, 4)).astype(np.float32))
    similarity = torch.from_numpy(photos @ models.T)
    rows, columns = torch.zeros(30, 1), torch.zeros(1, 11)
    for _ in range(matching.ITERATIONS):
        rows = -(similarity / 0.1 + columns).logsumexp(1, keepdim=True) - np.log(30)
        columns = -(similarity / 0.1 + rows).logsumexp(0, keepdim=True) - np.log(11)
    rows = -(similarity / 0.1 + columns).logsumexp(1, keepdim=True) - np.log(30)
    mass = (similarity / 0.1 + rows + columns).exp().numpy()
    expected = {}
    for i in range(30):
        for j in np.argsort(-mass[i])[:3]:
            expected[i, j] = mass[i, j] / mass[i].max()
    for j in range(11):
        for i in np.argsort(-mass[:, j])[:3]:
            share = mass[i, j] / mass[:, j].max()
            expected[i, j] = max(share, expected.get((i, j), 0))
    monkeypatch.setattr(matching, "BLOCK_VALUES", values)
    edges = balanced_neighbourhoods(photos, models, 3, 0.1, 1.0, torch.device("cpu"))
    across = (edges.sources < 30) & (edges.destinations >= 30)
    found = zip(edges.sources[across], edges.destinations[across] - 30, strict=True)
    actual = dict(zip(found, edges.weights[across], strict=True))
    assert actual.keys() == expected.keys()
    np.testing.assert_allclose([actual[key] for key in expected], [*expected.values()], rtol=1e-4)


def clusters() -> tuple[torch.Tensor, torch.Tensor]:
    """Photos of the first 2 of 4 kinds, and 5 models of each kind, unit vectors."""
    generator = np.random.default_rng(0)
    kinds = np.eye(8)[:4]
    rows = kinds[np.arange(40) % 2] + 0.1 * generator.normal(size=(40, 8))
    columns = kinds[np.arange(20) % 4] + 0.1 * generator.normal(size=(20, 8))
    photos, models = (normalise(part.astype(np.float32)) for part in (rows, columns))
    return torch.from_numpy(photos), torch.from_numpy(models)


def test_trusted_photos_show_all_models_alike() -> None:
    assert shown_shares(*clusters(), 0.1, 1.0) is None


@pytest.mark.parametrize("trust", [0.0, 0.25, 0.9])
def test_models_are_to_receive_what_the_photos_show(trust: float) -> None:
    shares = shown_shares(*clusters(), 0.1, trust)
    assert shares is not None and shares.shape == (1, 20)
    assert float(shares.sum()) == pytest.approx(1, abs=1e-5)
    assert float(shares.min()) >= trust / 20
    shown = torch.arange(20) % 4 < 2
    # All but the even share, and a little of the rest, lies on the 10 models that are shown.
    assert float(shares[0, shown].sum()) > trust / 2 + 0.9 * (1 - trust)


def test_the_plan_has_the_shares_as_its_marginal() -> None:
    photos, models = clusters()
    shares = shown_shares(photos, models, 0.1, 0.3)
    f, g = potentials(photos, models, 0.1, 1.0, shares)
    plan = (photos @ models.T / 0.1 + f + g).exp()
    torch.testing.assert_close(plan.sum(0, keepdim=True), shares, atol=1e-3, rtol=0)
    torch.testing.assert_close(plan.sum(1), torch.full((40,), 1 / 40))
