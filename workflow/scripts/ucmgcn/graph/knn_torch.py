"""Exact nearest neighbours on a GPU, in batches that fit into its memory."""

from __future__ import annotations

import torch

from ucmgcn.core.arrays import Features, Ints
from ucmgcn.core.devices import Device

CPU_SCORES = 16_000_000
# Share of the free GPU memory for the scores of a batch; torch.topk needs as much again.
MEMORY_SHARE = 0.25


def top_k_torch(
    queries: Features, gallery: Features, k: int, device: Device, *, exclude_self: bool = False
) -> tuple[Ints, Features]:
    """Find the k gallery vectors of highest inner product; as `ucmgcn.graph.knn.top_k`, in float32.

    The gallery must fit into the device's memory. Of equal similarities that compete for the last
    place, any may be returned; returned ties are ordered by index.
    """
    k = max(0, min(k, len(gallery) - exclude_self))
    on_device = torch.from_numpy(gallery).to(device)
    size = max(1, _scores_that_fit(device) // max(1, len(gallery)))
    indices, similarities = [], []
    for start in range(0, max(1, len(queries)), size):
        scores = torch.from_numpy(queries[start : start + size]).to(device) @ on_device.T
        if exclude_self:
            rows = torch.arange(len(scores), device=device)
            scores[rows, rows + start] = -torch.inf
        values, found = torch.topk(scores, k, dim=1)
        values, found = _by_index_where_equal(values, found)
        indices.append(found.cpu())
        similarities.append(values.cpu())
    return torch.cat(indices).numpy(), torch.cat(similarities).numpy()


def _by_index_where_equal(
    values: torch.Tensor, found: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    found, order = found.sort(dim=1)
    values, best = values.gather(1, order).sort(dim=1, descending=True, stable=True)
    return values, found.gather(1, best)


def _scores_that_fit(device: Device) -> int:
    if device == "cpu":
        return CPU_SCORES
    free, _ = torch.cuda.mem_get_info()
    return int(free * MEMORY_SHARE) // 4
