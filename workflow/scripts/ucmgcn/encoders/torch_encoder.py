"""Encoder on a GPU, and the export that a CPU runs: the only place where features need torch."""

from __future__ import annotations

import importlib
import json
import pickle
from pathlib import Path
from threading import Lock
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from ucmgcn.devices import Device
from ucmgcn.encoders import DEFAULT_BATCH, Backbone, EncoderSpec, Features, Images, check_images
from ucmgcn.encoders.onnx_encoder import METADATA
from ucmgcn.errors import UserError
from ucmgcn.store import atomic_path

OPSET = 17


class Network(nn.Module):
    """A backbone from raw pixels to the features of a spec.

    Shapes
    ------
    Input (n, size, size, 3), uint8; output (n, dim), float32.
    """

    mean: Tensor
    std: Tensor
    body: Any

    def __init__(self, spec: EncoderSpec) -> None:
        super().__init__()
        self.output, self.flip = spec.output, spec.flip
        self.body = load_backbone(spec)
        for name in ("mean", "std"):
            values = torch.tensor(getattr(spec.network, name)).view(1, 3, 1, 1)
            self.register_buffer(name, values, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Normalise, encode and pool."""
        pixels = images.permute(0, 3, 1, 2).to(self.mean.dtype)  # (n, 3, size, size)
        inputs = (pixels - self.mean) / self.std
        features = self._features(inputs)
        return (features + self._features(inputs.flip(3))) / 2 if self.flip else features

    def _features(self, inputs: Tensor) -> Tensor:
        maps: Tensor = self.body.extract_features(inputs)  # (n, width, h, w)
        return torch.cat([self._part(part, maps) for part in self.output.split("+")], dim=1)

    def _part(self, name: str, maps: Tensor) -> Tensor:
        if name == "max":
            return maps.amax((2, 3))  # (n, width)
        pooled = maps.mean((2, 3))  # (n, width)
        logits: Tensor = self.body._fc(pooled)  # (n, 1000)
        return pooled if name == "pooled" else logits


def load_backbone(spec: EncoderSpec) -> Any:
    """Build the backbone of a spec, for inference, with its pre-trained weights.

    Raises
    ------
    UserError
        If the file of the weights is missing, or does not fit the backbone.
    """
    file = spec.weights_file()
    body = _architecture(spec.network)
    try:
        body.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    except (RuntimeError, TypeError, OSError, EOFError, pickle.UnpicklingError) as error:
        raise UserError(
            f"features.weights: {file} does not hold the weights of {spec.backbone} "
            f"({' '.join(str(error).split())[:200]})"
        ) from error
    return body.eval().requires_grad_(False)


def export_onnx(spec: EncoderSpec, out: Path) -> None:
    """Write an encoder as ONNX, with its description among the metadata.

    The graph takes uint8 images (n, size, size, 3) under the name ``images`` and gives ``features``
    (n, dim); the normalisation of the pixels is part of it.
    """
    network = Network(spec).eval()
    example = torch.zeros((2, spec.size, spec.size, 3), dtype=torch.uint8)
    with atomic_path(out) as partial:
        # The exporter that traces: the newer one gives the same graph, in ten times the time, and
        # only with two more packages.
        torch.onnx.export(
            network,
            (example,),
            str(partial),
            input_names=["images"],
            output_names=["features"],
            dynamic_axes={"images": {0: "n"}, "features": {0: "n"}},
            opset_version=OPSET,
            dynamo=False,
        )
        model = onnx.load(partial)
        onnx.helper.set_model_props(model, {METADATA: json.dumps(spec.describe(), sort_keys=True)})
        onnx.save(model, partial)


class TorchEncoder:
    """A network on a GPU, in half precision there; in single precision on a CPU.

    Parameters
    ----------
    spec
        What to compute.
    device
        Where.
    batch
        Images that are computed at a time, which bounds the memory.
    """

    def __init__(
        self, spec: EncoderSpec, device: Device = "cuda", batch: int = DEFAULT_BATCH["cuda"]
    ) -> None:
        self._spec, self._device, self.batch = spec, device, batch
        network = Network(spec).eval().to(device)
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._lock = Lock()

    @property
    def size(self) -> int:
        """Side of the square images that it takes, in pixels."""
        return self._spec.size

    @property
    def dim(self) -> int:
        """Length of a feature vector."""
        return self._spec.dim

    def describe(self) -> dict[str, Any]:
        """Everything that a feature vector depends on, for provenance; JSON-serialisable."""
        return self._spec.describe()

    def encode(self, images: Images) -> Features:
        """Compute the features (n, dim) of RGB images (n, size, size, 3)."""
        check_images(images, self.size)
        # One call at a time: callers that load images meanwhile keep the GPU busy, and its memory
        # holds one batch.
        with self._lock, torch.inference_mode(), self._precision():
            chunks = [self._network(chunk).float().cpu() for chunk in self._chunks(images)]
        features: Features = torch.cat(chunks).numpy()
        return features

    def _chunks(self, images: Images) -> list[Tensor]:
        return [part.to(self._device) for part in torch.split(torch.from_numpy(images), self.batch)]

    def _precision(self) -> torch.autocast:
        return torch.autocast(self._device, torch.float16, enabled=self._device == "cuda")


def _architecture(backbone: Backbone) -> Any:
    library = importlib.import_module(backbone.library)
    body = library.EfficientNet.from_name(backbone.name)
    if backbone.library == "efficientnet_pytorch":
        body.set_swish(memory_efficient=False)  # the other one has a custom backward: no export
    return body
