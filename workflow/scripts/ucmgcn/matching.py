"""Which photos and models the network learns to hold for neighbours: balanced across the media."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ucmgcn.graph import Edges
from ucmgcn.propagation import linked
from ucmgcn.spaces import Features

ITERATIONS = 20


def transport_plan(similarity: Tensor, epsilon: float) -> Tensor:
    """Entropic optimal transport between n photos and m models, both of equal weights.

    Maximises <P, similarity> + epsilon H(P) over plans P whose rows sum to 1/n and whose columns
    sum to 1/m: no model can answer all photos, as hubs do for nearest neighbours. Sinkhorn's
    iterations (Cuturi, NeurIPS 2013), in the log domain.

    Parameters
    ----------
    similarity
        Shape (n, m).
    epsilon
        Strength of the entropy: small plans are sharp, large ones spread.

    Returns
    -------
    Tensor
        log P, shape (n, m). The rows' sums are exact, the columns' as good as the iterations.
    """
    score = similarity / epsilon
    n, m = score.shape
    columns = torch.zeros(1, m, device=score.device)
    for _ in range(ITERATIONS):
        rows = -(score + columns).logsumexp(1, keepdim=True) - np.log(n)
        columns = -(score + rows).logsumexp(0, keepdim=True) - np.log(m)
    rows = -(score + columns).logsumexp(1, keepdim=True) - np.log(n)
    plan: Tensor = score + rows + columns
    return plan


def balanced_neighbourhoods(
    photos: Features, models: Features, k: int, epsilon: float, device: torch.device
) -> Edges:
    """Link photos and models to their k nearest of the same kind, and across by transport.

    Parameters
    ----------
    photos, models
        Unit vectors, shapes (n, d) and (m, d). Photo i is node i, model j is node n + j.
    k
        Links of a photo to models of largest mass in the plan, of a model to photos likewise.
    epsilon
        Of `transport_plan`.

    Returns
    -------
    Edges
        In both directions. Weights across are the mass relative to the heaviest link of either
        end, whichever is larger; within a kind, the cosine clipped at 0.
    """
    similarity = torch.from_numpy(photos).to(device) @ torch.from_numpy(models).to(device).T
    plan = transport_plan(similarity, epsilon)
    forth, back = _heaviest(plan, k), _heaviest(plan.T, k)
    keys = np.concatenate([forth[0] * len(models) + forth[1], back[1] * len(models) + back[0]])
    weights = np.concatenate([forth[2], back[2]])
    order = np.lexsort([-weights, keys])
    keys, first = np.unique(keys[order], return_index=True)
    across = Edges(keys // len(models), keys % len(models), weights[order][first])
    return linked(photos, models, k, across)


def _heaviest(plan: Tensor, k: int) -> tuple[npt.NDArray[Any], ...]:
    """Each row's k entries of largest mass: rows, columns, and mass relative to the largest."""
    value, column = plan.topk(min(k, plan.shape[1]), dim=1)
    share = (value - value[:, :1]).exp().cpu().numpy()
    row = np.repeat(np.arange(len(plan)), column.shape[1])
    return row, column.cpu().numpy().ravel(), share.ravel()
