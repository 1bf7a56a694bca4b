"""Networks of timm, with the preprocessing of their own configuration."""

from __future__ import annotations

import difflib
import importlib.util
import pickle
import re
import textwrap
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from ucmgcn.core.errors import UserError
from ucmgcn.features.encoders.encoder import Input
from ucmgcn.features.encoders.spec import TIMM, EncoderSpec, Member
from ucmgcn.features.encoders.weights import check_sha256, source, weights_sha256, wrong_weights
from ucmgcn.media.photos import Resample

HUB = "https://huggingface.co"


class TimmBody(nn.Module):
    """A timm model.

    Its configuration sets the size, mean, standard deviation and resampling filter of its images.
    Its evaluation crop (``crop_pct``) is not applied: rendered models fill the image, and the crop
    would cut them off.

    Raises
    ------
    UserError
        If timm cannot be imported or lacks the model, or if the weights are missing or do not fit.
    """

    def __init__(self, spec: EncoderSpec, member: Member) -> None:
        super().__init__()
        self.timm = import_timm()
        name, settings = _settings(self.timm, member)
        file = spec.local_file(member) or hub_weights(member.name, settings, spec.allow_download)
        check_sha256(member.name, file, spec.expected_sha256(member))
        fixed = {"img_size": member.size} if member.size and settings.fixed_input_size else {}
        self.net = _create(self.timm, name, file, fixed)
        data = self.timm.data.resolve_model_data_config(self.net)
        size = member.size or _square(member.name, data["input_size"])
        self.input = Input(size, _filter(data["interpolation"]))
        self.mean = tuple(255 * value for value in data["mean"])
        self.std = tuple(255 * value for value in data["std"])
        self.facts = {
            "name": TIMM + name,
            "library": f"timm {self.timm.__version__}",
            "weights_sha256": weights_sha256(file),
        }

    def maps(self, inputs: Tensor) -> Tensor:
        """Compute the last feature map: (n, width, h, w), (n, h, w, width), (n, tokens, width)."""
        maps: Tensor = self.net.forward_features(inputs)
        return maps

    def pooled(self, maps: Tensor) -> Tensor:
        """Pool as the model does before its classifier."""
        pooled: Tensor = self.net.forward_head(maps, pre_logits=True)
        return pooled

    def max(self, maps: Tensor) -> Tensor:
        """Take the maximum over the image, without class and register tokens."""
        if maps.ndim == 3:
            return maps[:, getattr(self.net, "num_prefix_tokens", 0) :].amax(1)
        last = getattr(self.net, "output_fmt", "NCHW") == "NHWC"
        return maps.amax((1, 2) if last else (2, 3))

    def logits(self, maps: Tensor) -> Tensor:
        """Score the classes."""
        if not self.net.num_classes:
            raise UserError(
                f"features.output: {self.facts['name']} has no classifier; take pooled or max"
            )
        logits: Tensor = self.net.forward_head(maps)
        return logits


@cache
def import_timm() -> ModuleType:
    """Import timm, even if torchvision's compiled operators do not fit this torch.

    timm needs torchvision's transforms, which are pure Python. But importing torchvision requires
    its operators for object detection. If they cannot be loaded (a wheel built for CUDA beside a
    torch that is not), they are declared without an implementation.

    Raises
    ------
    UserError
        If timm or torchvision is not installed, or still cannot be imported.
    """
    try:
        _declare_operators()
        return importlib.import_module("timm")
    except (ImportError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"features.backbone: timm cannot be imported ({reason}). "
            "Install it with `pip install timm torchvision`"
        ) from error


def hub_weights(name: str, settings: Any, allow_download: bool) -> Path:
    """Find the weights of a model in the cache of the Hugging Face hub, or download them there.

    Parameters
    ----------
    name
        Name of the network.
    settings
        The model's pretrained configuration in timm.
    allow_download
        Whether the weights may be downloaded.

    Raises
    ------
    UserError
        If the weights are damaged, or missing and not downloaded.
    """
    if not settings.hf_hub_id:
        raise UserError(f"features.weights: timm has no weights of {name}; name a weights file")
    names = _filenames(settings.hf_hub_filename)
    file = _cached(settings.hf_hub_id, names)
    if file is None and not allow_download:
        raise UserError(
            f"features.weights: the cache of the Hugging Face hub has no weights of {name} "
            f"({HUB}/{settings.hf_hub_id}). {source(name)}"
        )
    file = file or _download(settings.hf_hub_id, names)
    # The cache names large files by the SHA-256 that the hub reported.
    published = file.resolve().name
    check_sha256(name, file, published if re.fullmatch("[0-9a-f]{64}", published) else "")
    return file


def _cached(repository: str, names: tuple[str, ...]) -> Path | None:
    """Look into the hub's cache; unlike `hf_hub_download` of local files, it never asks the hub."""
    from huggingface_hub import try_to_load_from_cache

    found = (try_to_load_from_cache(repository, name) for name in names)
    return next((Path(file) for file in found if isinstance(file, str)), None)


def _download(repository: str, names: tuple[str, ...]) -> Path:
    from huggingface_hub import hf_hub_download

    reasons = []
    for name in names:
        try:
            # The file's SHA-256 is recorded, and can be pinned (features.sha256).
            return Path(hf_hub_download(repository, name))  # nosec B615
        # The hub's client passes on the errors of its HTTP library, which have no common base.
        except Exception as error:
            reasons.append(textwrap.shorten(str(error), 150))
    reason = "; ".join(dict.fromkeys(reasons))
    raise UserError(f"{HUB}/{repository}: the download failed ({reason})")


def _declare_operators() -> None:
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        raise ImportError("torchvision is not installed")
    if not _loads(Path(found.origin).parent):
        for operator in ("nms", "qnms"):
            schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{operator}", schema)


def _loads(torchvision: Path) -> bool:
    libraries = sorted(torchvision.glob("_C*.so"))
    try:
        for library in libraries:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
    except OSError:
        return False
    return bool(libraries)


def _settings(timm: ModuleType, member: Member) -> tuple[str, Any]:
    name = member.name.removeprefix(TIMM)
    known = timm.list_models(pretrained=True)
    if not timm.is_model(name.partition(".")[0]):
        raise UserError(f"features.backbone: timm has no model {name}{_nearest(name, known)}")
    try:
        settings = timm.get_pretrained_cfg(name, allow_unregistered=False)
    except RuntimeError as error:
        known_tags = _nearest(name, known)
        raise UserError(f"features.backbone: timm has no weights {name}{known_tags}") from error
    tag = f".{settings.tag}" if settings.tag else ""
    return name.partition(".")[0] + tag, settings


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=3)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _create(timm: ModuleType, name: str, file: Path, fixed: dict[str, int]) -> Any:
    # Weights of the original JAX models come as .npz, for which timm has a loader of its own.
    source = {"file": str(file), "custom_load": file.suffix == ".npz"}
    try:
        return timm.create_model(
            name, pretrained=True, pretrained_cfg_overlay=source, exportable=True, **fixed
        )
    # Each format raises errors of its own; only their module tells those of safetensors.
    except Exception as error:
        if isinstance(error, RuntimeError | OSError | ValueError | KeyError | TypeError | EOFError):
            raise UserError(wrong_weights(TIMM + name, file, error)) from error
        if isinstance(error, pickle.UnpicklingError) or "safetensors" in type(error).__module__:
            raise UserError(wrong_weights(TIMM + name, file, error)) from error
        raise


def _square(name: str, size: tuple[int, int, int]) -> int:
    channels, height, width = size
    if channels != 3 or height != width:
        raise UserError(f"features.backbone: {name} takes {size} images, not square RGB ones")
    return width


def _filter(interpolation: str) -> Resample:
    return "bilinear" if interpolation == "bilinear" else "bicubic"


def _filenames(chosen: str | None) -> tuple[str, ...]:
    if chosen and chosen.endswith(".bin"):
        return (f"{chosen.removesuffix('.bin')}.safetensors", chosen)
    return (chosen,) if chosen else ("model.safetensors", "pytorch_model.bin")
