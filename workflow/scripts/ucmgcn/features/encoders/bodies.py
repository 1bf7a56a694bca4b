"""Pre-trained networks: from normalised pixels to features."""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ucmgcn.core.errors import UserError
from ucmgcn.features.encoders.encoder import Input
from ucmgcn.features.encoders.registry import BACKBONES, Backbone
from ucmgcn.features.encoders.spec import EncoderSpec, Member
from ucmgcn.features.encoders.weights import (
    check_sha256,
    published_weights,
    weights_sha256,
    wrong_weights,
)


class Body(Protocol):
    """A network for inference, with its weights.

    Attributes
    ----------
    input
        The images that it takes.
    mean, std
        Per channel, for pixel values from 0 to 255: the network takes (pixel - mean) / std.
    facts
        Its name, its library and the SHA-256 of its weights; JSON-serialisable.
    """

    input: Input
    mean: tuple[float, ...]
    std: tuple[float, ...]
    facts: dict[str, str]

    def maps(self, inputs: Tensor) -> Tensor:
        """Compute the last feature map of images (n, 3, size, size)."""

    def pooled(self, maps: Tensor) -> Tensor:
        """Pool the feature map over the image: (n, width)."""

    def max(self, maps: Tensor) -> Tensor:
        """Take the maximum of the feature map over the image: (n, width)."""

    def logits(self, maps: Tensor) -> Tensor:
        """Score the classes: (n, classes)."""


class EfficientNetBody(nn.Module):
    """An EfficientNet of the package efficientnet_pytorch or efficientnet_lite_pytorch."""

    def __init__(self, backbone: Backbone, file: Path, size: int) -> None:
        super().__init__()
        self.net = _architecture(backbone, size)
        _load(self.net, backbone.name, file)
        self.input = Input(size)
        self.mean, self.std = backbone.mean, backbone.std
        version = importlib.import_module(backbone.library).__version__
        self.facts = {
            "name": backbone.name,
            "library": f"{backbone.library} {version}",
            "weights_sha256": weights_sha256(file),
        }

    def maps(self, inputs: Tensor) -> Tensor:
        """Compute the last feature map (n, width, h, w)."""
        maps: Tensor = self.net.extract_features(inputs)
        return maps

    def pooled(self, maps: Tensor) -> Tensor:
        """Average over the image."""
        return maps.mean((2, 3))

    def max(self, maps: Tensor) -> Tensor:
        """Take the maximum over the image."""
        return maps.amax((2, 3))

    def logits(self, maps: Tensor) -> Tensor:
        """Score the 1,000 classes of ImageNet."""
        logits: Tensor = self.net._fc(self.pooled(maps))
        return logits


def load_body(spec: EncoderSpec, member: Member) -> Any:
    """Build one network of a spec, for inference, with its pre-trained weights.

    Raises
    ------
    UserError
        If the weights are missing, have another SHA-256 than wanted, or do not fit the network.
    """
    if member.is_timm:
        from ucmgcn.features.encoders.timm_body import TimmBody

        body: nn.Module = TimmBody(spec, member)
    else:
        file = spec.local_file(member) or published_weights(member.name, spec.allow_download)
        check_sha256(member.name, file, spec.expected_sha256(member))
        backbone = BACKBONES[member.name]
        body = EfficientNetBody(backbone, file, member.size or backbone.size)
    return body.eval().requires_grad_(False)


def _load(net: nn.Module, name: str, file: Path) -> None:
    try:
        net.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    except (RuntimeError, TypeError, OSError, EOFError, pickle.UnpicklingError) as error:
        raise UserError(wrong_weights(name, file, error)) from error


def _architecture(backbone: Backbone, size: int) -> Any:
    library = importlib.import_module(backbone.library)
    net = library.EfficientNet.from_name(backbone.name, image_size=size)
    if backbone.library == "efficientnet_pytorch":
        net.set_swish(memory_efficient=False)  # the default has a custom backward: no export
    return net
