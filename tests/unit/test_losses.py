from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from ucmgcn import losses

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


def test_coral_is_zero_for_equal_statistics_and_matches_numpy_otherwise() -> None:
    photos, models = Z[:4], Z[4:]
    assert losses.coral(photos, photos).item() == 0
    rows = [3**0.5 * F.normalize(x, dim=1).numpy() for x in (photos, models)]
    expected = ((np.cov(rows[0].T) - np.cov(rows[1].T)) ** 2).sum() / (4 * 3**2)
    np.testing.assert_allclose(losses.coral(photos, models).item(), expected, rtol=1e-5)


def test_agreement_is_zero_where_cosines_are_the_weights() -> None:
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
