"""Pseudo-labels: neighbouring photos and models, matched by balanced optimal transport."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ucmgcn.core.arrays import Features
from ucmgcn.graph.edges import Edges, linked
from ucmgcn.graph.knn import neighbourhood
from ucmgcn.graph.propagation import linked_neighbours
from ucmgcn.settings import Settings

ITERATIONS = 20
RELAXED = 0.5  # balance of the plan that estimates which models the photos show
BLOCK_VALUES = 1_000_000  # twice as fast, because blocks stay in cache


def potentials(
    photos: Tensor,
    models: Tensor,
    epsilon: float,
    balance: float = 1.0,
    shares: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Solve entropic optimal transport between n photos and m models.

    Maximises <P, S> + epsilon H(P) - rho KL(P' 1 | w) for the inner products S over plans P
    whose rows sum to 1/n, with rho = epsilon balance / (1 - balance). At balance 1 the columns sum
    to w: no model can become a hub, the nearest neighbour of too many photos. Below 1 the column
    sums may deviate, for photos and models with different proportions of the categories. At 0 each
    photo chooses for itself.

    The solver is Sinkhorn's algorithm (Cuturi, NeurIPS 2013), with a power on the relaxed side
    (Chizat et al., Mathematics of Computation 2018), in the log domain. It recomputes blocks of
    rows in each iteration: no n x m matrix is held.

    Parameters
    ----------
    photos, models
        Shapes (n, d) and (m, d).
    epsilon
        Weight of the entropy: small values give sharp plans, large ones diffuse plans.
    balance
        How strictly the columns are balanced, from 0 to 1.
    shares
        w, shape (1, m), sum 1; 1/m by default.

    Returns
    -------
    rows, columns
        f and g of log P_ij = S_ij / epsilon + f_i + g_j, shapes (n, 1) and (1, m). The row sums are
        exact; the column sums are as accurate as the iterations.
    """
    n, m = len(photos), len(models)
    rows, columns = photos.new_zeros(n, 1), photos.new_zeros(1, m)
    wanted = photos.new_full((1, m), -np.log(m)) if shares is None else shares.log()
    for _ in range(ITERATIONS):
        total = photos.new_full((1, m), -torch.inf)
        for part, score in _scores(photos, models, epsilon):
            rows[part] = _row_potentials(score, columns, n)
            total = total.logaddexp((score + rows[part]).logsumexp(0, keepdim=True))
        columns = -balance * (total - wanted)
    for part, score in _scores(photos, models, epsilon):
        rows[part] = _row_potentials(score, columns, n)
    return rows, columns


def shown_shares(photos: Tensor, models: Tensor, epsilon: float, trust: float) -> Tensor | None:
    """Estimate how much of the photos each model is to receive, shape (1, m); None is 1/m.

    The share `trust` is spread evenly. The rest follows the models' mass in a relaxed plan, which
    leaves out what the photos don't show.
    """
    if trust >= 1:
        return None
    f, g = potentials(photos, models, epsilon, RELAXED)
    mass = torch.zeros_like(g)
    for part, score in _scores(photos, models, epsilon):
        mass += (score + f[part] + g).exp().sum(0, keepdim=True)
    return trust / len(models) + (1 - trust) * mass / mass.sum()


def _row_potentials(score: Tensor, columns: Tensor, n: int) -> Tensor:
    f: Tensor = -(score + columns).logsumexp(1, keepdim=True) - np.log(n)
    return f


def _scores(photos: Tensor, models: Tensor, epsilon: float) -> Iterator[tuple[slice, Tensor]]:
    """Yield the rows of each block, and its S / epsilon."""
    size = max(1, BLOCK_VALUES // len(models))
    for start in range(0, len(photos), size):
        part = slice(start, start + size)
        yield part, photos[part] @ models.T / epsilon


def target_edges(
    spread: Features, photos: int, settings: Settings, trust: float, device: torch.device
) -> Edges:
    """Link the nodes that the network is to make alike, as `train.matching` says.

    Parameters
    ----------
    spread
        Photos (the first `photos` rows) and models after propagation, unit vectors, shape (n + m,
        d).
    trust
        See `FeatureSpace.trust`.

    Returns
    -------
    Edges
        Edges in both directions; photo i is node i, model j is node n + j.
    """
    config = settings.train
    assert config is not None
    if config.matching == "nearest" or not photos:
        return linked_neighbours(torch.from_numpy(spread), photos, settings.propagation)
    sides = spread[:photos], spread[photos:]
    k = neighbourhood(settings.propagation.neighbours, min(map(len, sides)))
    plan = config.transport_entropy, config.transport_balance
    return balanced_neighbourhoods(*sides, k, *plan, device, trust)


def balanced_neighbourhoods(
    photos: Features,
    models: Features,
    k: int,
    epsilon: float,
    balance: float,
    device: torch.device,
    trust: float = 1.0,
) -> Edges:
    """Link photos and models to their k nearest of the same type, and across by transport.

    Parameters
    ----------
    photos, models
        Unit vectors, shapes (n, d) and (m, d). Photo i is node i, model j is node n + j.
    k
        Number of nearest neighbours, and of links across: each photo to the models with the most
        mass in the transport plan, and each model to such photos.
    epsilon, balance
        As in `potentials`.
    trust
        As in `shown_shares`.

    Returns
    -------
    Edges
        Edges in both directions. The weight of a link across is its mass relative to the heaviest
        link of either end, whichever is larger; a model that is to receive less than an equal
        share counts that much less. Within a type it is the cosine clipped at 0.
    """
    rows, columns = (torch.from_numpy(part).to(device) for part in (photos, models))
    shares = shown_shares(rows, columns, epsilon, trust)
    plan = potentials(rows, columns, epsilon, balance, shares)
    forth, back = _heaviest(rows, columns, plan, k, epsilon)
    if shares is not None:
        shown = (shares[0] * len(models)).clamp_max(1).cpu().numpy()
        back = back[0], back[1], back[2] * shown[back[0]]
    keys = np.concatenate([forth[0] * len(models) + forth[1], back[1] * len(models) + back[0]])
    weights = np.concatenate([forth[2], back[2]])
    order = np.lexsort([-weights, keys])
    keys, first = np.unique(keys[order], return_index=True)
    across = Edges(keys // len(models), keys % len(models), weights[order][first])
    return linked(photos, models, k, across)


Links = tuple[npt.NDArray[Any], ...]


def _heaviest(
    photos: Tensor, models: Tensor, plan: tuple[Tensor, Tensor], k: int, epsilon: float
) -> tuple[Links, Links]:
    """Find the k entries with the most mass in each row and in each column of the plan."""
    f, g = plan
    of_rows: list[tuple[Tensor, ...]] = []
    value = photos.new_empty(0, len(models))
    index = torch.empty(0, len(models), dtype=torch.int64, device=photos.device)
    for part, score in _scores(photos, models, epsilon):
        log_mass = score + f[part] + g
        of_rows.append(log_mass.topk(min(k, log_mass.shape[1]), dim=1))
        mass, row = log_mass.topk(min(k, len(log_mass)), dim=0)
        value, index = torch.cat([value, mass]), torch.cat([index, row + part.start])
        value, best = value.topk(min(k, len(value)), dim=0)
        index = index.gather(0, best)
    heaviest, column = (torch.cat(parts) for parts in zip(*of_rows, strict=True))
    return _links(heaviest, column), _links(value.T, index.T)


def _links(value: Tensor, column: Tensor) -> Links:
    """Return rows, columns, and mass relative to the row's largest; shapes (n, k) to (n k,)."""
    share = (value - value[:, :1]).exp().cpu().numpy()
    row = np.repeat(np.arange(len(value)), column.shape[1])
    return row, column.cpu().numpy().ravel(), share.ravel()
