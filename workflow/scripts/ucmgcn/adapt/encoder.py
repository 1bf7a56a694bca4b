"""The adapted encoder: the trunk as it is, the trained tail, and a share of the untouched one."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from ucmgcn.adapt.maps import Half
from ucmgcn.core.arrays import Features
from ucmgcn.core.devices import Device
from ucmgcn.features.encoders.encoder import DEFAULT_BATCH
from ucmgcn.features.encoders.halves import Halves, Tail
from ucmgcn.features.encoders.torch_encoder import write_onnx
from ucmgcn.files.digest import sealed_path
from ucmgcn.files.hashing import file_sha256
from ucmgcn.settings import Resize

BATCHES = 16  # of the default size: the tail of an image takes a seventh of its encoder's memory


class MixedTail(nn.Module):
    """A trained tail, and the untouched one with a share of the cosine.

    The output is [sqrt(1 - own) a / |a|, sqrt(own) f / |f|] for the features a of the trained tail
    and f of the untouched one: the cosine of two outputs is the weighted mean of both cosines. With
    a share of 0 it is a, with a share of 1 it is f.

    Shapes
    ------
    Input (n, values), as of `Trunk`; output (n, dim), float32.
    """

    def __init__(self, trained: Tail, first: Tail, own: float) -> None:
        super().__init__()
        self.trained, self.first, self.own = trained, first, own

    def forward(self, flat: Tensor) -> Tensor:
        """Compute the features of flattened feature maps."""
        if self.own in (0, 1):
            features: Tensor = self.first(flat) if self.own else self.trained(flat)
            return features
        parts = F.normalize(self.trained(flat), dim=1), F.normalize(self.first(flat), dim=1)
        return torch.cat([parts[0] * (1 - self.own) ** 0.5, parts[1] * self.own**0.5], dim=1)


class AdaptedEncoder(nn.Module):
    """The whole encoder, from raw pixels to adapted features.

    Parameters
    ----------
    halves
        The encoder's halves, untouched.
    tail
        What takes the place of its tail.
    looks
        The squares of a photo whose L2-normalised features are averaged.
    """

    def __init__(self, halves: Halves, tail: MixedTail, looks: Sequence[Resize]) -> None:
        super().__init__()
        self.trunk, self.tail, self.looks = halves.trunk, tail, list(looks)

    def forward(self, *images: Tensor) -> Tensor:
        """Encode images (n, size, size, 3), uint8, one array for each input, to (n, dim)."""
        features: Tensor = self.tail(self.trunk(*images))
        return features

    def describe(self, weights: Path) -> dict[str, Any]:
        """Describe what a feature vector depends on; JSON-serialisable."""
        encoder = self.trunk.encoder
        with torch.inference_mode():
            dim = int(self(*encoder.example(1)).shape[1])
        return {
            **encoder.describe(),
            "blocks": self.trunk.blocks,
            "adapted_sha256": file_sha256(weights),
            "own": self.tail.own,
            "looks": self.looks,
            "dim": dim,
        }


def export_adapted(encoder: AdaptedEncoder, weights: Path, tail: Path, whole: Path) -> str:
    """Write the trained weights, and to ONNX the tail and the whole encoder.

    Parameters
    ----------
    weights
        safetensors: the tail's convolutions, with what follows them folded in.
    tail
        ONNX: ``maps`` (n, values), as the trunk gives them, to ``features`` (n, dim).
    whole
        ONNX, to be opened like any exported encoder: ``images0`` and so on to ``features``.

    Returns
    -------
    str
        The encoder's description, JSON.
    """
    chains = encoder.tail.trained.state_dict()
    with sealed_path(weights) as partial:
        partial.write_bytes(save({name: part.contiguous() for name, part in chains.items()}))
    description = json.dumps(encoder.describe(weights), sort_keys=True)
    maps = {"maps": torch.zeros((2, encoder.tail.first.values))}
    write_onnx(encoder.tail, maps, "features", description, tail)
    write_onnx(encoder, encoder.trunk.encoder.named_example(), "features", description, whole)
    return description


class Describer:
    """Computes features from maps, a batch at a time.

    Parameters
    ----------
    tail
        What to compute.
    device
        Where; a copy of the tail is moved there.
    """

    def __init__(self, tail: nn.Module, device: Device) -> None:
        self._device, self._batch = device, BATCHES * DEFAULT_BATCH[device]
        self._tail = copy.deepcopy(tail).to(device)

    def __call__(self, maps: Half) -> Features:
        """Compute features (..., dim) of maps (..., values)."""
        flat = torch.from_numpy(maps.reshape(-1, maps.shape[-1]))
        with torch.inference_mode():
            batches = torch.split(flat, self._batch)
            parts = [self._tail(part.to(self._device).float()).cpu() for part in batches]
        features: Features = torch.cat(parts).numpy()
        return features.reshape(*maps.shape[:-1], -1)
