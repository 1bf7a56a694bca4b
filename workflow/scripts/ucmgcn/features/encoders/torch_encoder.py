"""The encoder on a GPU, and its export to ONNX for a CPU."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import textwrap
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import onnx
import torch
from torch import Tensor, nn

from ucmgcn.core.arrays import Features, Images
from ucmgcn.core.devices import Device
from ucmgcn.core.errors import UserError
from ucmgcn.features.encoders.bodies import Body, load_body
from ucmgcn.features.encoders.encoder import DEFAULT_BATCH, Input, check_images
from ucmgcn.features.encoders.onnx_encoder import METADATA
from ucmgcn.features.encoders.spec import EncoderSpec, Member
from ucmgcn.files.atomic import atomic_path
from ucmgcn.files.digest import sealed_path
from ucmgcn.files.hashing import file_sha256

OPSET = 17
ONNX_LIMIT = 2**31 - 2**20  # bytes: a protocol buffer holds 2 GiB

logger = logging.getLogger(__name__)


class Network(nn.Module):
    """One network of a spec, from raw pixels to features.

    Shapes
    ------
    Input (n, size, size, 3), uint8; output (n, dim), float32.
    """

    mean: Tensor
    std: Tensor
    body: Any

    def __init__(self, spec: EncoderSpec, member: Member) -> None:
        super().__init__()
        self.output, self.flip = spec.output, spec.flip
        self.body = load_body(spec, member)
        for name in ("mean", "std"):
            values = torch.tensor(getattr(self.body, name)).view(1, 3, 1, 1)
            self.register_buffer(name, values, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Normalise, encode and pool."""
        return self.merge([self.pool(self.body.maps(i)) for i in self.inputs_of(images)])

    def inputs_of(self, images: Tensor) -> list[Tensor]:
        """Normalise images (n, size, size, 3); with `flip` their mirror images come second."""
        pixels = images.permute(0, 3, 1, 2).to(self.mean.dtype)  # (n, 3, size, size)
        inputs = (pixels - self.mean) / self.std
        return [inputs, inputs.flip(3)] if self.flip else [inputs]

    def pool(self, maps: Tensor) -> Tensor:
        """Compute the output (n, dim) from the last feature map."""
        body: Body = self.body
        parts = {"pooled": body.pooled, "max": body.max, "logits": body.logits}
        return torch.cat([parts[part](maps) for part in self.output.split("+")], dim=1)

    def merge(self, seen: list[Tensor]) -> Tensor:
        """Average the output over the images of `inputs_of`."""
        return (seen[0] + seen[1]) / 2 if self.flip else seen[0]


class Fusion(nn.Module):
    """The networks of a spec, from raw pixels to one feature vector per image.

    A single network's features f are returned as they are. Several are concatenated as
    sqrt(w_i / sum w) f_i / |f_i|, a unit vector: the inner product of two of them is
    sum w_i cos_i / sum w, the weighted mean of the networks' cosines.

    Shapes
    ------
    Inputs (n, size, size, 3), uint8, one for each of `inputs`; output (n, dim), float32.
    """

    def __init__(self, spec: EncoderSpec) -> None:
        super().__init__()
        self.request = spec.request()
        networks = [Network(spec, member) for member in spec.members]
        self.facts = [network.body.facts for network in networks]
        self.networks = nn.ModuleList(networks)
        wanted = [network.body.input for network in networks]
        self.inputs: tuple[Input, ...] = tuple(dict.fromkeys(wanted))
        self.index = [self.inputs.index(input) for input in wanted]
        total = sum(member.weight for member in spec.members)
        self.scales = [(member.weight / total) ** 0.5 for member in spec.members]

    def forward(self, *images: Tensor) -> Tensor:
        """Encode with each network, and concatenate."""
        pairs = zip(self.members, self.index, strict=True)
        return self.join([network(images[i]) for network, i in pairs])

    @property
    def members(self) -> list[Network]:
        """The networks, in the order of the spec."""
        return [network for network in self.networks if isinstance(network, Network)]

    def join(self, parts: list[Tensor]) -> Tensor:
        """Concatenate the networks' features."""
        if len(parts) == 1:
            return parts[0]
        unit = [scale * _unit(part) for scale, part in zip(self.scales, parts, strict=True)]
        return torch.cat(unit, dim=1)

    def example(self, n: int) -> tuple[Tensor, ...]:
        """Make black images for every input."""
        return tuple(torch.zeros((n, i.size, i.size, 3), dtype=torch.uint8) for i in self.inputs)

    def named_example(self) -> dict[str, Tensor]:
        """Make two black images for every input of an export, by its name."""
        return {f"images{i}": images for i, images in enumerate(self.example(2))}

    def describe(self) -> dict[str, Any]:
        """Describe what a feature vector depends on, for provenance; JSON-serialisable."""
        return {
            "request": self.request,
            "networks": self.facts,
            "inputs": [{"size": i.size, "resample": i.resample} for i in self.inputs],
            "dim": self._dim(),
        }

    def _dim(self) -> int:
        try:
            with torch.inference_mode():
                return int(self(*self.example(1)).shape[1])
        except (RuntimeError, AssertionError) as error:
            sizes = ", ".join(f"{i.size} px" for i in self.inputs)
            raise UserError(
                f"features.backbone: {self.request['backbone']} does not take images of {sizes} "
                f"({textwrap.shorten(str(error), 150)})"
            ) from error


def write_onnx(
    network: nn.Module, inputs: Mapping[str, Tensor], output: str, description: str, out: Path
) -> None:
    """Export a network to ONNX, for any number of items, with a description in the metadata.

    Parameters
    ----------
    network
        For inference.
    inputs
        An example of each input, by its name.
    output
        Name of the output.
    description
        JSON, for `OnnxEncoder`.
    out
        The file to write.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with sealed_path(out) as partial:
        # The tracing exporter: the newer one gives the same graph, but takes ten times as long and
        # two more packages.
        torch.onnx.export(
            network,
            tuple(inputs.values()),
            str(partial),
            input_names=list(inputs),
            output_names=[output],
            dynamic_axes={name: {0: "n"} for name in [*inputs, output]},
            opset_version=OPSET,
            dynamo=False,
        )
        model = onnx.load(partial)
        onnx.helper.set_model_props(model, {METADATA: description})
        onnx.save(model, partial)


def export_onnx(spec: EncoderSpec, out: Path, cache: Path | None = None, code: str = "") -> None:
    """Export an encoder to ONNX, with its description in the metadata.

    The ONNX graph takes uint8 images (n, size, size, 3) under the names ``images0``, ``images1``
    ..., one for each input, normalises the pixels, and returns ``features`` (n, dim).

    Parameters
    ----------
    spec
        What to export.
    out
        The file to write.
    cache
        Folder of exports, by the digest of their weights and settings. An export that it holds is
        copied; a new one is stored there. None always exports.
    code
        Digest of the exporting code; the cache returns no export of other code.

    Raises
    ------
    UserError
        If the weights are missing or do not fit, or are too large for ONNX.
    """
    encoder = Fusion(spec).eval()
    description = json.dumps(encoder.describe(), sort_keys=True)
    if cache is None:
        _export(encoder, description, out)
        return
    key = _key(description, code)
    kept = _kept(cache, key)
    if kept is None:
        _export(encoder, description, out)
        with atomic_path(cache / f"{key}-{_digest(out)}.onnx") as partial:
            shutil.copyfile(out, partial)
        return
    with sealed_path(out) as partial:
        shutil.copyfile(kept, partial)


def _kept(cache: Path, key: str) -> Path | None:
    """Find an intact earlier export; its name ends in its own digest."""
    for file in sorted(cache.glob(f"{key}-*.onnx")):
        if file.stem == f"{key}-{_digest(file)}":
            logger.info("reusing the export of the same weights: %s", file)
            return file
        logger.warning("%s is damaged: exporting again", file)
        file.unlink()
    return None


def _export(encoder: Fusion, description: str, out: Path) -> None:
    size = sum(p.numel() * p.element_size() for p in encoder.state_dict().values())
    if size > ONNX_LIMIT:
        raise UserError(
            f"features.backbone: {size / 2**30:.1f} GiB of weights, but an ONNX file holds at most "
            "2; choose a smaller network"
        )
    write_onnx(encoder, encoder.named_example(), "features", description, out)


def _key(description: str, code: str) -> str:
    made_by = f"{code} torch {torch.__version__} onnx {onnx.__version__}"
    return hashlib.sha256(f"{made_by}\0{description}".encode()).hexdigest()[:16]


def _digest(file: Path) -> str:
    return file_sha256(file)[:16]


class Half(Protocol):
    """A network that takes the images of an encoder, such as its first blocks."""

    inputs: tuple[Input, ...]

    def describe(self) -> dict[str, Any]:
        """Describe what its output depends on, with its length ``dim``; JSON-serialisable."""


class TorchEncoder:
    """The encoder in torch: in half precision on a GPU, in single precision on a CPU.

    Parameters
    ----------
    spec
        What to compute; or a network that does, such as an encoder's first blocks.
    device
        Where to compute it.
    batch
        Number of images encoded at a time, which bounds the memory.
    """

    def __init__(
        self, spec: EncoderSpec | Half, device: Device = "cuda", batch: int = DEFAULT_BATCH["cuda"]
    ) -> None:
        self._device, self.batch = device, batch
        network: Any = Fusion(spec).eval() if isinstance(spec, EncoderSpec) else spec
        self.inputs = network.inputs
        self._description = network.describe()
        self._network = network.to(device).to(memory_format=torch.channels_last)
        self._lock = Lock()

    @property
    def dim(self) -> int:
        """Length of a feature vector."""
        return int(self._description["dim"])

    def describe(self) -> dict[str, Any]:
        """Describe what a feature vector depends on, for provenance; JSON-serialisable."""
        return dict(self._description)

    def encode(self, *images: Images) -> Features:
        """Compute features (n, dim) of RGB images: one array (n, size, size, 3) per input."""
        check_images(images, self.inputs)
        arrays = [torch.split(torch.from_numpy(array), self.batch) for array in images]
        # One call at a time: GPU memory holds one batch, and the other callers load images
        # meanwhile.
        with self._lock, torch.inference_mode(), self._precision():
            chunks = [self._run(chunk) for chunk in zip(*arrays, strict=True)]
        features: Features = torch.cat(chunks).numpy()
        return features

    def _run(self, chunk: tuple[Tensor, ...]) -> Tensor:
        features: Tensor = self._network(*(part.to(self._device) for part in chunk))
        return features.float().cpu()

    def _precision(self) -> torch.autocast:
        return torch.autocast(self._device, torch.float16, enabled=self._device == "cuda")


def _unit(features: Tensor) -> Tensor:
    return nn.functional.normalize(features.float(), dim=1)
