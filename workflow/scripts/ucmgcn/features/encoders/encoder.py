"""Encoders: from square RGB images to feature vectors.

`registry` lists the EfficientNets, `spec` parses what to compute, `weights` finds the files,
`bodies` and `timm_body` build the networks, `torch_encoder` runs them on a GPU and exports them,
`onnx_encoder` runs the export on a CPU. Only bodies, timm_body and torch_encoder import torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ucmgcn.core.arrays import Features, Images
from ucmgcn.core.devices import Device
from ucmgcn.media.photos import Resample

# Images at a time; on a CPU for each core, whose cache still holds four.
DEFAULT_BATCH: dict[Device, int] = {"cpu": 4, "cuda": 64}


@dataclass(frozen=True)
class Input:
    """Images that a network takes.

    Parameters
    ----------
    size
        Width and height, in pixels.
    resample
        Filter that scaled its images in training.
    """

    size: int
    resample: Resample = "bilinear"


class Encoder(Protocol):
    """Computes feature vectors; `encode` may be called from several threads at once.

    Attributes
    ----------
    batch
        Number of images that it encodes at a time.
    """

    batch: int

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The images that it takes of each photo or view; several if its networks differ."""

    @property
    def dim(self) -> int:
        """Length of a feature vector."""

    def describe(self) -> dict[str, Any]:
        """Describe what a feature vector depends on, for provenance; JSON-serialisable."""

    def encode(self, *images: Images) -> Features:
        """Compute the features of RGB images.

        Parameters
        ----------
        images
            One array for each of `inputs`, in their order: the same n images, scaled to
            (n, size, size, 3), uint8.

        Returns
        -------
        Features of shape (n, dim), float32.
        """


def check_images(images: tuple[Images, ...], inputs: tuple[Input, ...]) -> None:
    """Raise ValueError unless each input has an array (n, size, size, 3) of uint8."""
    if len(images) != len(inputs):
        raise ValueError(f"{len(images)} arrays of images for {len(inputs)} inputs")
    for array, size in zip(images, (i.size for i in inputs), strict=True):
        if array.dtype != np.uint8 or array.shape != (len(images[0]), size, size, 3):
            raise ValueError(
                f"images are {array.dtype} {array.shape}, not uint8 (n, {size}, {size}, 3)"
            )
