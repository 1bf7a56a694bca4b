"""The two losses: discrimination on the graph embedding, correlation between the modalities."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import dgl
import torch
from torch import Tensor
from torch.nn import functional as F

from ucmgcn.graph.message_passing import pass_messages

BLOCK_VALUES = 1_000_000  # 1.5 times as fast, because blocks stay in a core's cache
# A GPU has no such cache, and starting a small block takes longer than computing it.
GPU_BLOCK = 64_000_000
KEPT_VALUES = 250_000_000  # about 1 GiB, for up to 22,000 photos and models

Block = tuple[slice, slice, Tensor]


def spectral_contrastive(embeddings: Tensor, pairs: Tensor, weights: Tensor) -> Tensor:
    """Spectral contrastive loss: pull neighbours together, make all other pairs orthogonal.

    L = -2 sum_ij w_ij z_i.z_j + sum_ij w_i w_j (z_i.z_j)^2, where w_ij sums to 1 and w_i is its
    marginal. Up to a constant it is |D^-1/2 W D^-1/2 - F F'|^2 with F_i = sqrt(w_i) z_i, so that
    its minimum spans the top eigenspace of the normalised graph (HaoChen et al., NeurIPS 2021).
    No n x n matrix is formed.

    Parameters
    ----------
    embeddings
        Shape (n, d), not normalised.
    pairs, weights
        Neighbours, in both directions, shapes (2, e) and (e,).
    """
    joint = weights / weights.sum()
    margin = torch.zeros_like(embeddings[:, 0]).index_add_(0, pairs[0], joint)
    attraction = (joint * (embeddings[pairs[0]] * embeddings[pairs[1]]).sum(1)).sum()
    moment = embeddings.T @ (margin[:, None] * embeddings)
    return -2 * attraction + (moment**2).sum()


def info_nce(embeddings: Tensor, pairs: Tensor, weights: Tensor, temperature: float) -> Tensor:
    """InfoNCE: cross-entropy between each node's neighbours and a softmax over all other nodes.

    Parameters
    ----------
    embeddings
        Shape (n, d); compared by cosine.
    pairs, weights
        Neighbours (anchor, positive), in both directions, shapes (2, e) and (e,).

    Returns
    -------
    Tensor
        The mean over the nodes; 0 for a single node.
    """
    if len(embeddings) < 2:
        return 0 * embeddings.sum()
    unit = F.normalize(embeddings, dim=1)
    total = torch.zeros_like(unit[:, 0]).index_add_(0, pairs[0], weights).clamp_min(1e-12)
    share = weights / total[pairs[0]]
    positive = _attraction(unit, pairs, share) / temperature
    return (log_partition(unit, temperature) - positive) / len(unit)


def log_partition(unit: Tensor, temperature: float) -> Tensor:
    """Sum over i of log Z_i, with Z_i = sum_{j != i} exp(u_i . u_j / temperature).

    A first pass over blocks of the n x n exponentials E sums Z; a second pass sums the gradient,
    sum_j E_ij (1 / Z_i + 1 / Z_j) u_j / temperature. E is symmetric, so each pass visits only one
    of two opposite blocks. The first pass keeps up to `KEPT_VALUES` exponentials for the second;
    beyond, they are recomputed. It cannot be differentiated twice.

    Parameters
    ----------
    unit
        Unit vectors, shape (n, d), n > 1.
    temperature
        At least `settings.LEAST_TEMPERATURE`: below, the exponentials leave float32's range.
    """
    partition: Tensor = _LogPartition.apply(unit, temperature)  # type: ignore[no-untyped-call]
    return partition


class _LogPartition(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, unit: Tensor, temperature: float) -> Tensor:
        total = torch.zeros_like(unit[:, 0])
        kept: list[Block] | None = [] if len(unit) ** 2 <= 2 * KEPT_VALUES else None
        for rows, columns, block in _exponentials(unit, temperature):
            if kept is not None:
                kept.append((rows, columns, block))
            total[rows] += block.sum(1)
            if rows != columns:
                total[columns] += block.sum(0)
        gradient = torch.zeros_like(unit)
        if ctx.needs_input_grad[0]:
            share = 1 / total
            for rows, columns, block in kept or _exponentials(unit, temperature):
                block *= share[rows, None] + share[columns]
                gradient[rows].addmm_(block, unit[columns])
                if rows != columns:
                    gradient[columns].addmm_(block.T, unit[rows])
        ctx.save_for_backward(gradient / temperature)
        return total.log().sum() + len(unit) / temperature

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, None]:
        (gradient,) = ctx.saved_tensors
        return outer[0] * gradient, None


def _exponentials(unit: Tensor, temperature: float) -> Iterator[Block]:
    """Yield the blocks on and above the diagonal of exp((u_i . u_j - 1) / temperature), i != j."""
    size = max(1, math.isqrt(GPU_BLOCK if unit.is_cuda else BLOCK_VALUES))
    parts = [slice(i, i + size) for i in range(0, len(unit), size)]
    scaled, shift = unit / temperature, unit.new_tensor(-1 / temperature)
    for number, rows in enumerate(parts):
        for columns in parts[number:]:
            block = torch.addmm(shift, scaled[rows], unit[columns].T).exp_()
            if rows == columns:
                block.fill_diagonal_(0)
            yield rows, columns, block


def _attraction(unit: Tensor, pairs: Tensor, share: Tensor) -> Tensor:
    """Sum share_ij u_i . u_j over the pairs, without a row for each pair."""
    summed = _summed_on_gpu if unit.is_cuda else _summed
    return (unit * summed(unit, pairs, share)).sum()


def _summed(unit: Tensor, pairs: Tensor, share: Tensor) -> Tensor:
    """Sum share_ij u_j for each i."""
    anchors, positives = pairs.cpu()
    graph = dgl.graph((positives, anchors), num_nodes=len(unit))
    return pass_messages(graph, share, unit)


def _summed_on_gpu(unit: Tensor, pairs: Tensor, share: Tensor) -> Tensor:
    """Do the same where the pairs are: a GPU sorts them faster than a CPU gets them."""
    matrix = torch.sparse_coo_tensor(pairs, share, (len(unit), len(unit)))
    product: Tensor = torch.sparse.mm(matrix, unit)
    return product


def coral(photos: Tensor, models: Tensor) -> Tensor:
    """Difference of second-order statistics, |C_photos - C_models|^2 / (4 d^2).

    CORAL of Sun & Saenko (ECCV 2016 workshops). Rows are scaled to length sqrt(d), which makes the
    loss independent of d: the mean square of their entries is 1. Shapes (n, d), (m, d); 0 if n or m
    is 1, because a single row has no covariance.
    """
    if min(len(photos), len(models)) < 2:
        return 0 * (photos.sum() + models.sum())
    d = photos.shape[1]
    statistics = [torch.cov(F.normalize(rows, dim=1).T * d**0.5) for rows in (photos, models)]
    return ((statistics[0] - statistics[1]) ** 2).sum() / (4 * d**2)


def agreement(embeddings: Tensor, pairs: Tensor, weights: Tensor) -> Tensor:
    """Mean squared difference between the cosine of two nodes and the weight of their edge."""
    unit = F.normalize(embeddings, dim=1)
    return (((unit[pairs[0]] * unit[pairs[1]]).sum(1) - weights) ** 2).mean()


def label_cross_entropy(
    embeddings: Tensor, classes: Tensor, prototypes: Tensor, temperature: float
) -> Tensor:
    """Cross-entropy of labelled rows under a softmax over cosines to learned class prototypes.

    Parameters
    ----------
    embeddings, prototypes
        Shapes (n, d) and (c, d).
    classes
        Shape (n,), -1 for rows without a label. The loss is 0 if no row has one.
    """
    known = classes >= 0
    if not known.any():
        return 0 * (embeddings.sum() + prototypes.sum())
    logits = F.normalize(embeddings[known], dim=1) @ F.normalize(prototypes, dim=1).T
    return F.cross_entropy(logits / temperature, classes[known])
