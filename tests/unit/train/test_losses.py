from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ucmgcn.train import losses

GENERATOR = torch.Generator().manual_seed(0)
Z = torch.randn(7, 3, generator=GENERATOR)
PAIRS = torch.tensor([[0, 1, 1, 2, 3, 4, 5, 6, 0, 6], [1, 0, 2, 1, 4, 3, 6, 5, 6, 0]])
WEIGHTS = torch.tensor([1.0, 1.0, 0.5, 0.5, 2.0, 2.0, 1.0, 1.0, 0.3, 0.3])


def dense() -> torch.Tensor:
    return torch.zeros(7, 7).index_put_((PAIRS[0], PAIRS[1]), WEIGHTS)


def test_spectral_contrastive_is_a_factorisation_of_the_normalised_graph() -> None:
    joint = dense() / dense().sum()
    root = joint.sum(1).sqrt()
    normalised = joint / root[:, None] / root[None]
    factor = root[:, None] * Z
    expected = ((normalised - factor @ factor.T) ** 2).sum() - (normalised**2).sum()
    torch.testing.assert_close(losses.spectral_contrastive(Z, PAIRS, WEIGHTS), expected)


def test_info_nce_is_the_mean_cross_entropy_of_each_node() -> None:
    unit = F.normalize(Z, dim=1)
    expected = []
    for i in range(7):
        others = [j for j in range(7) if j != i]
        log_p = F.log_softmax(unit[i] @ unit[others].T / 0.5, dim=0)
        share = dense()[i, others] / dense()[i].sum()
        expected.append(-(share * log_p).sum())
    actual = losses.info_nce(Z, PAIRS, WEIGHTS, 0.5)
    torch.testing.assert_close(actual, torch.stack(expected).mean())


@pytest.mark.parametrize("values", [1, 100, 10**9])
def test_info_nce_in_blocks_is_the_dense_loss_with_its_gradient(
    values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = torch.Generator().manual_seed(1)
    rows = torch.randn(37, 5, generator=generator, dtype=torch.float64)
    pairs = torch.randint(36, (2, 150), generator=generator)  # the last has no neighbour
    weights = torch.rand(150, generator=generator, dtype=torch.float64)
    monkeypatch.setattr(losses, "BLOCK_VALUES", values)
    results = []
    for loss in (losses.info_nce, dense_info_nce):
        z = rows.clone().requires_grad_()
        value = loss(z, pairs, weights, 0.2)
        (3 * value).backward()
        results.append((value.detach(), z.grad))
    torch.testing.assert_close(results[0], results[1])


def test_a_gpus_sum_over_the_pairs_is_that_of_a_cpu() -> None:
    results = []
    for summed in (losses._summed, losses._summed_on_gpu):
        z = Z.clone().requires_grad_()
        out = summed(z, PAIRS, WEIGHTS)
        (out**2).sum().backward()
        results.append((out.detach(), z.grad))
    torch.testing.assert_close(results[1], results[0])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU")
@pytest.mark.parametrize("values", [1_000, 64_000_000])
def test_a_gpu_gives_info_nce_of_the_cpu(values: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "GPU_BLOCK", values)
    generator = torch.Generator().manual_seed(2)
    rows = torch.randn(300, 16, generator=generator)
    pairs = torch.randint(300, (2, 3_000), generator=generator)
    weights = torch.rand(3_000, generator=generator)
    results = []
    for device in ("cpu", "cuda"):
        z = rows.clone().to(device).requires_grad_()
        value = losses.info_nce(z, pairs.to(device), weights.to(device), 0.5)
        value.backward()
        results.append((value.detach().cpu(), z.grad.cpu()))
    torch.testing.assert_close(results[1], results[0], atol=1e-4, rtol=1e-4)


def dense_info_nce(
    z: torch.Tensor, pairs: torch.Tensor, weights: torch.Tensor, temperature: float
) -> torch.Tensor:
    cosine = F.normalize(z, dim=1) @ F.normalize(z, dim=1).T
    wanted = torch.zeros_like(cosine).index_put_((pairs[0], pairs[1]), weights, accumulate=True)
    share = wanted / wanted.sum(1, keepdim=True).clamp_min(1e-12)
    partition = (cosine / temperature).fill_diagonal_(-torch.inf).logsumexp(1)
    return (partition - (share * cosine).sum(1) / temperature).mean()


def test_the_gradient_of_the_log_partition_agrees_with_finite_differences() -> None:
    unit = F.normalize(Z.double(), dim=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda u: losses.log_partition(u, 0.3), (unit,))


def test_a_node_without_weighted_neighbours_is_only_repelled() -> None:
    loss = losses.info_nce(Z, PAIRS, torch.zeros_like(WEIGHTS), 0.5)
    others = (F.normalize(Z, dim=1) @ F.normalize(Z, dim=1).T / 0.5).fill_diagonal_(-torch.inf)
    torch.testing.assert_close(loss, others.logsumexp(1).mean())


def test_losses_without_covariance_label_or_other_node_are_zero() -> None:
    z = Z.clone().requires_grad_()
    unlabelled = losses.label_cross_entropy(z, torch.full((7,), -1), torch.ones(2, 3), 0.3)
    alone = losses.info_nce(z[:1], PAIRS[:, :0], WEIGHTS[:0], 0.5)
    (losses.coral(z[:6], z[6:]) + unlabelled + alone).backward()
    assert torch.equal(z.grad, torch.zeros(7, 3))


def test_coral_is_zero_for_equal_statistics_and_matches_numpy_otherwise() -> None:
    photos, models = Z[:4], Z[4:]
    assert losses.coral(photos, photos).item() == 0
    rows = [3**0.5 * F.normalize(x, dim=1).numpy() for x in (photos, models)]
    expected = ((np.cov(rows[0].T) - np.cov(rows[1].T)) ** 2).sum() / (4 * 3**2)
    np.testing.assert_allclose(losses.coral(photos, models).item(), expected, rtol=1e-5)


def test_coral_of_a_single_model_is_zero() -> None:
    assert losses.coral(Z[:6], Z[6:]).item() == 0


CLASSES = torch.tensor([1, -1, 0, -1, -1, 1, -1])
PROTOTYPES = torch.randn(2, 3, generator=GENERATOR).double()


@pytest.mark.parametrize(
    "loss",
    [
        lambda z: losses.spectral_contrastive(z, PAIRS, WEIGHTS.double()),
        lambda z: losses.info_nce(z, PAIRS, WEIGHTS.double(), 0.5),
        lambda z: losses.coral(z[:4], z[4:]),
        lambda z: losses.agreement(z, PAIRS, WEIGHTS.double()),
        lambda z: losses.label_cross_entropy(z, CLASSES, PROTOTYPES, 0.3),
    ],
    ids=["spectral", "info-nce", "coral", "agreement", "labels"],
)
def test_gradients_agree_with_finite_differences(
    loss: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    assert torch.autograd.gradcheck(loss, Z.double().requires_grad_())


def test_agreement_is_zero_if_cosines_equal_the_weights() -> None:
    unit = F.normalize(Z, dim=1)
    cosine = (unit[PAIRS[0]] * unit[PAIRS[1]]).sum(1)
    assert losses.agreement(Z, PAIRS, cosine).item() < 1e-12
    assert losses.agreement(Z, PAIRS, cosine + 0.5).item() > 0.2


def test_label_cross_entropy_reads_labelled_rows_only() -> None:
    classes = torch.tensor([1, -1, 0, -1, -1, 1, -1])
    prototypes = torch.randn(2, 3, generator=GENERATOR)
    cosine = F.normalize(Z, dim=1) @ F.normalize(prototypes, dim=1).T
    expected = -torch.stack([F.log_softmax(cosine[i] / 0.3, 0)[classes[i]] for i in (0, 2, 5)])
    actual = losses.label_cross_entropy(Z, classes, prototypes, 0.3)
    torch.testing.assert_close(actual, expected.mean())
