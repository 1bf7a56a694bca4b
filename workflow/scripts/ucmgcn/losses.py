"""The two losses: discrimination on the graph embedding, correlation between the modalities."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def spectral_contrastive(embeddings: Tensor, pairs: Tensor, weights: Tensor) -> Tensor:
    """Neighbours are pulled together, all other pairs are made orthogonal.

    L = -2 sum_ij w_ij z_i.z_j + sum_ij w_i w_j (z_i.z_j)^2, where w_ij sums to 1 and w_i is its
    margin. Up to a constant it is |D^-1/2 W D^-1/2 - F F'|^2 with F_i = sqrt(w_i) z_i, so that
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
    """Cross-entropy between each node's neighbours and a softmax over all other nodes.

    Parameters
    ----------
    embeddings
        Shape (n, d); compared by cosine.
    pairs, weights
        Neighbours (anchor, positive), in both directions, shapes (2, e) and (e,).
    """
    unit = F.normalize(embeddings, dim=1)
    logits = (unit @ unit.T / temperature).fill_diagonal_(-torch.inf)
    total = torch.zeros_like(unit[:, 0]).index_add_(0, pairs[0], weights)
    share = weights / total[pairs[0]]
    positive = (share * (unit[pairs[0]] * unit[pairs[1]]).sum(1)).sum() / temperature
    return (logits.logsumexp(1).sum() - positive) / len(unit)


def coral(photos: Tensor, models: Tensor) -> Tensor:
    """Difference of second-order statistics, |C_photos - C_models|^2 / (4 d^2).

    CORAL of Sun & Saenko (ECCV 2016 workshops), on rows of length sqrt(d): their entries are of
    unit size on average, so that the loss does not depend on the dimension. Shapes (n, d), (m, d).
    """
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
        Shape (n,), -1 where there is no label.
    """
    known = classes >= 0
    logits = F.normalize(embeddings[known], dim=1) @ F.normalize(prototypes, dim=1).T
    return F.cross_entropy(logits / temperature, classes[known])
