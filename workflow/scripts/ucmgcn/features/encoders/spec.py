"""What an encoder is to compute, as the configuration says it: no torch, no timm."""

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
        A name in `BACKBONES`, or ``"timm:"`` and the name of a model of timm.
    size
        Side of its square input, in pixels; 0 takes the one it was trained for.
    weight
        How much it counts beside the others, see `EncoderSpec`.
    """

    name: str
    size: int = 0
    weight: float = 1.0

    @property
    def sized(self) -> str:
        """The name, with the size if it is not the network's own."""
        return f"{self.name}@{self.size}" if self.size else self.name

    @property
    def is_timm(self) -> bool:
        """Whether timm has the network."""
        return self.name.startswith(TIMM)


@dataclass(frozen=True)
class EncoderSpec:
    """What to compute: one network or several, their weights, and which of their outputs.

    Parameters
    ----------
    backbone
        A name in `BACKBONES`, or ``"timm:"`` and the name of a model of timm, with ``@`` and the
        side of its input in pixels if that is not to be its own; or several of them joined by
        ``+``, each with a factor after ``*`` if they are not to count alike, as in
        ``"efficientnet-lite0*2+timm:vit_small_patch14_dinov2.lvd142m@224"``. The features of
        several are L2-normalised each, scaled and concatenated so that the cosine of two
        images is the mean of the networks' cosines, weighted by these factors.
    output
        ``"pooled"``: the last feature map's average over the image (for a model of timm: its own
        pooling); ``"max"``: its maximum; ``"logits"``: the class scores; ``"pooled+logits"``: two
        of them, concatenated in this order, unscaled.
    flip
        Average over the image and its mirror image.
    weights
        File of the weights; with several networks, a file for each name. Networks without one take
        those that are installed with the backbone or were downloaded before.
    sha256
        SHA-256 that the file of the weights must have, in the same form.
    allow_download
        Whether weights that are not here may be downloaded.

    Raises
    ------
    UserError
        If there is no such backbone, or `weights` or `sha256` name one that is not used.
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
                    f"write which is whose, as {{{names[0]}: {value}}}"
                )

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """The networks, in the order of their features."""
        found = tuple(map(_member, self.backbone.split("+")))
        repeated = [name for name, n in Counter(m.sized for m in found).items() if n > 1]
        if repeated:
            raise UserError(f"features.backbone: {repeated[0]} occurs twice; weigh it with *")
        return found

    @property
    def slug(self) -> str:
        """The backbone as the name of a folder, different for different backbones."""
        names = (m.sized.replace(":", "-") for m in self.members)
        weights = ("" if m.weight == 1 else f"={m.weight:g}" for m in self.members)
        return "+".join(name + weight for name, weight in zip(names, weights, strict=True))

    def named_files(self) -> list[Path]:
        """The files of weights that the configuration names.

        Raises
        ------
        UserError
            If one is not there; the message says where people get it.
        """
        found = [(m, self.named_file(m)) for m in self.members]
        for member, file in found:
            if file and not file.is_file():
                raise UserError(f"features.weights: there is no file {file}. {source(member.name)}")
        return [file for _, file in found if file]

    def named_file(self, member: Member) -> Path | None:
        """File of weights that the configuration names for one of the networks."""
        if isinstance(self.weights, Mapping):
            return self.weights.get(member.name)
        return self.weights

    def local_file(self, member: Member) -> Path | None:
        """File of weights that is named or installed; None if it has to be looked for elsewhere.

        Raises
        ------
        UserError
            If it is missing, or its SHA-256 is another.
        """
        file = self.named_file(member) or packaged_weights(member.name)
        if file and not file.is_file():
            raise UserError(f"features.weights: there is no file {file}. {source(member.name)}")
        if file:
            check_sha256(member.name, file, self.expected_sha256(member))
        return file

    def expected_sha256(self, member: Member) -> str:
        """SHA-256 that the configuration wants of a network's weights, or an empty string."""
        wanted = self.sha256 if isinstance(self.sha256, str) else self.sha256.get(member.name, "")
        return wanted.lower()

    def request(self) -> dict[str, Any]:
        """Return what an exported file must have been made from; JSON-serialisable.

        Weights count by their content where they are named or installed, and by the network's name
        where they come from a cache of downloads.
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
        raise UserError(f"features.backbone: {name} counts for nothing; leave it out")
    size = int(match["size"] or 0)
    if size and size not in SIZES:
        raise UserError(f"features.backbone: {name}@{size}: between {SIZES[0]} and {SIZES[-1]}")
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
    """What the encoder of a configuration computes.

    Raises
    ------
    UserError
        As `EncoderSpec`.
    """
    return EncoderSpec(
        config.backbone,
        config.output,
        config.flip,
        _paths(config.weights),
        config.sha256,
        config.allow_download,
    )
