"""Open the encoder for a device."""

from __future__ import annotations

from pathlib import Path

from ucmgcn.core.devices import Device
from ucmgcn.core.errors import UserError
from ucmgcn.features.encoders.encoder import DEFAULT_BATCH, Encoder
from ucmgcn.features.encoders.spec import EncoderSpec


def open_encoder(spec: EncoderSpec, device: Device, onnx: Path, batch: int = 0) -> Encoder:
    """Open the encoder for a device.

    Parameters
    ----------
    spec
        What to compute.
    device
        ``"cpu"`` runs the exported file `onnx`, ``"cuda"`` the network itself.
    onnx
        File of `ucmgcn.features.encoders.torch_encoder.export_onnx` for `spec`.
    batch
        Number of images encoded at a time, which bounds the memory; 0 takes the device's default.

    Raises
    ------
    UserError
        If the file is not the export of `spec`.
    """
    batch = batch or DEFAULT_BATCH[device]
    if device == "cuda":
        from ucmgcn.features.encoders.torch_encoder import TorchEncoder

        return TorchEncoder(spec, "cuda", batch)
    return _exported(onnx, batch, spec, None)


def open_trunk(
    spec: EncoderSpec, blocks: int, device: Device, onnx: Path, batch: int = 0
) -> Encoder:
    """Open the encoder without its last blocks, see `ucmgcn.features.encoders.halves`.

    Parameters are as in `open_encoder`, `onnx` a file of `export_trunk`.

    Raises
    ------
    UserError
        If the file is not that export, or the encoder has no such blocks.
    """
    batch = batch or DEFAULT_BATCH[device]
    if device == "cuda":
        from ucmgcn.features.encoders.halves import split
        from ucmgcn.features.encoders.torch_encoder import Fusion, TorchEncoder

        return TorchEncoder(split(Fusion(spec).eval(), blocks).trunk, "cuda", batch)
    return _exported(onnx, batch, spec, blocks)


def _exported(onnx: Path, batch: int, spec: EncoderSpec, blocks: int | None) -> Encoder:
    from ucmgcn.features.encoders.onnx_encoder import OnnxEncoder

    encoder = OnnxEncoder(onnx, batch)
    described = encoder.describe()
    if (described["request"], described.get("blocks")) != (spec.request(), blocks):
        raise UserError(f"{onnx} was exported with other settings. Delete it and run again")
    return encoder
