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
    from ucmgcn.features.encoders.onnx_encoder import OnnxEncoder

    encoder = OnnxEncoder(onnx, batch)
    if encoder.describe()["request"] != spec.request():
        raise UserError(f"{onnx} was exported with other settings. Delete it and run again")
    return encoder
