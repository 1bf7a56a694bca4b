"""The specification of an encoder, parsed from the configuration without torch or timm."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ucmgcn.core.errors import UserError
from ucmgcn.features.encoders.registry import BACKBONES
from ucmgcn.features.encoders.weights import check_sha256, packaged_weights, source, weights_sha256
from ucmgcn.settings import FeaturesConfig, Output

TIMM = "timm:"
SIZES = range(32, 2049)
_MEMBER = re.compile(
    r"\s*(?P<name>[^\s@*+]+)(?:@(?P<size>\d{1,5}))?\s*(?:\*\s*(?P<weight>\d+(?:\.\d+)?)\s*)?"
)
_TIMM_NAME = re.compile(r"timm:[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?")


@dataclass(frozen=True)
class Member:
    """One network of an encoder.

    Parameters
    ----------
    name
        A name in `BACKBONES`, or ``"timm:"`` and the name of a timm model.
    size
        Side of its square input, in pixels; 0 takes the side it was trained for.
    weight
        Its weight among the networks, see `EncoderSpec`.
    """

    name: str
    size: int = 0
    weight: float = 1.0

    @property
    def sized(self) -> str:
        """The name, with the size if the configuration sets one."""
        return f"{self.name}@{self.size}" if self.size else self.name

    @property
    def is_timm(self) -> bool:
        """Whether the network comes from timm."""
        return self.name.startswith(TIMM)


@dataclass(frozen=True)
class EncoderSpec:
    """What to compute: one or several networks, their weights, and their output.

    Parameters
    ----------
    backbone
        A name in `BACKBONES`, or ``"timm:"`` and the name of a timm model. ``@`` and a number set
        the side of its input in pixels. ``+`` joins several networks, and ``*`` and a number weight
        one of them, as in ``"efficientnet-lite0*2+timm:vit_small_patch14_dinov2.lvd142m@224"``.
        The features of several networks are L2-normalised, scaled and concatenated: the cosine of
        two images is then the weighted mean of the networks' cosines.
    output
        ``"pooled"``: the last feature map's average over the image (for a timm model: its own
        pooling); ``"max"``: its maximum; ``"logits"``: the class scores; ``"pooled+logits"``: both,
        concatenated in this order, unscaled.
    flip
        Average the features of the image and its mirror image.
    weights
        File of the weights; with several networks, a file for each name. Networks without one take
        the weights that are installed with the backbone or were downloaded before.
    sha256
        SHA-256 that the weights must have, in the same form as `weights`.
    allow_download
        Whether missing weights may be downloaded.

    Raises
    ------
    UserError
        If a backbone does not exist, or if `weights` or `sha256` name one that is not used.
    """

    backbone: str = "efficientnet-lite0"
    output: Output = "pooled"
    flip: bool = False
    weights: Path | Mapping[str, Path] | None = None
    sha256: str | Mapping[str, str] = ""
    allow_download: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        names = [member.name for member in self.members]
        for key, value in (("weights", self.weights), ("sha256", self.sha256)):
            if isinstance(value, Mapping):
                _check_known(key, value, names)
            elif value and len(names) > 1:
                raise UserError(
                    f"features.{key}: {self.backbone} has {len(names)} networks; "
                    f"name the one that it belongs to, as {{{names[0]}: {value}}}"
                )

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """The networks, in the order of their features."""
        found = tuple(map(_member, self.backbone.split("+")))
        repeated = [name for name, n in Counter(m.sized for m in found).items() if n > 1]
        if repeated:
            raise UserError(f"features.backbone: {repeated[0]} occurs twice; weight it with *")
        return found

    @property
    def slug(self) -> str:
        """The backbone as a folder name, unique to each backbone."""
        names = (m.sized.replace(":", "-") for m in self.members)
        weights = ("" if m.weight == 1 else f"={m.weight:g}" for m in self.members)
        return "+".join(name + weight for name, weight in zip(names, weights, strict=True))

    def named_files(self) -> list[Path]:
        """List the weights files that the configuration names.

        Raises
        ------
        UserError
            If one is missing; the message says where to get it.
        """
        found = [(m, self.named_file(m)) for m in self.members]
        for member, file in found:
            if file and not file.is_file():
                raise UserError(f"features.weights: there is no file {file}. {source(member.name)}")
        return [file for _, file in found if file]

    def named_file(self, member: Member) -> Path | None:
        """Return the weights file that the configuration names for a network."""
        if isinstance(self.weights, Mapping):
            return self.weights.get(member.name)
        return self.weights

    def local_file(self, member: Member) -> Path | None:
        """Find the weights file that is named or installed; None leaves the download cache.

        Raises
        ------
        UserError
            If the file is missing, or has another SHA-256.
        """
        file = self.named_file(member) or packaged_weights(member.name)
        if file and not file.is_file():
            raise UserError(f"features.weights: there is no file {file}. {source(member.name)}")
        if file:
            check_sha256(member.name, file, self.expected_sha256(member))
        return file

    def expected_sha256(self, member: Member) -> str:
        """Return the SHA-256 that the configuration sets for a network's weights, or ``""``."""
        wanted = self.sha256 if isinstance(self.sha256, str) else self.sha256.get(member.name, "")
        return wanted.lower()

    def request(self) -> dict[str, Any]:
        """Return what identifies an export of this spec; JSON-serialisable.

        Weights that are named or installed count by their content, weights from a download cache by
        the network's name.
        """
        files = {m.name: self.local_file(m) for m in self.members}
        return {
            "backbone": "+".join(f"{m.sized}*{m.weight:g}" for m in self.members),
            "output": self.output,
            "flip": self.flip,
            "weights": {name: weights_sha256(file) for name, file in files.items() if file},
        }


def _member(text: str) -> Member:
    match = _MEMBER.fullmatch(text)
    name = match["name"] if match else text
    if match is None or not (name in BACKBONES or _TIMM_NAME.fullmatch(name)):
        raise UserError(
            f"features.backbone: there is no {name.strip() or 'network without a name'}; choose "
            f"one of {', '.join(BACKBONES)}, or {TIMM}NAME, or several joined by +, as NAME*2+NAME"
        )
    weight = float(match["weight"] or 1)
    if weight <= 0:
        raise UserError(f"features.backbone: {name} has weight 0; leave it out")
    size = int(match["size"] or 0)
    if size and size not in SIZES:
        raise UserError(
            f"features.backbone: {name}@{size}: the size must be between {SIZES[0]} and {SIZES[-1]}"
        )
    return Member(name, size, weight)


def _check_known(key: str, given: Mapping[str, Any], names: list[str]) -> None:
    unknown = sorted(set(given) - set(names))
    if unknown:
        raise UserError(
            f"features.{key}: {unknown[0]} is not in features.backbone ({', '.join(names)})"
        )


def _paths(weights: str | Mapping[str, str]) -> Path | dict[str, Path] | None:
    if isinstance(weights, Mapping):
        return {name: Path(file) for name, file in weights.items()}
    return Path(weights) if weights else None


def encoder_spec(config: FeaturesConfig) -> EncoderSpec:
    """Make the specification of a configuration's encoder.

    Raises
    ------
    UserError
        As for `EncoderSpec`.
    """
    return EncoderSpec(
        config.backbone,
        config.output,
        config.flip,
        _paths(config.weights),
        config.sha256,
        config.allow_download,
    )
