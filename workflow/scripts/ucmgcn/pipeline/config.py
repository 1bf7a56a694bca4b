"""The configuration: parsing, validation and JSON Schema.

`config.yaml` holds the same keys and defaults, and `workflow/schemas/config.schema.yaml` is the
JSON Schema of this module; a test checks that the three agree.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from ucmgcn.core.errors import UserError
from ucmgcn.datasets.dataset import INSTANCE_LEVEL, Role, where_to_get
from ucmgcn.datasets.kinds.furniture_package import default_place, is_awaited
from ucmgcn.datasets.manifest import or_without
from ucmgcn.datasets.source import Source
from ucmgcn.features.encoders.spec import encoder_spec
from ucmgcn.settings import (
    DEMO_IMAGES,
    DEMO_MODELS,
    STRICT,
    AdaptConfig,
    DataConfig,
    DemoConfig,
    EmbeddedBaseline,
    EvaluateConfig,
    FeaturesConfig,
    GraphConfig,
    Kind,
    Limits,
    PropagationConfig,
    RenderConfig,
    ShardsConfig,
    Split,
    TrainConfig,
)

TEXTS = ("dataset", "models", "images")  # keys whose values are names


@dataclass(frozen=True, config=STRICT)
class Config:
    """The whole configuration of a run."""

    dataset: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$",
            description="name of the data set; results go to results/<dataset>/",
        ),
    ] = "demo"
    kind: Annotated[Kind, Field(description="layout of the files, see docs/datasets.md")] = "folder"
    models: Annotated[str, Field(min_length=1, description="folder of the meshes")] = DEMO_MODELS
    images: Annotated[
        str,
        BeforeValidator(lambda given: "" if given is None else given),  # of a line `images:`
        Field(description="folder of the photos; empty: none, or the demo's with its models"),
    ] = ""
    split: Annotated[
        Split,
        Field(description="train and test photos: as given, one set, or drawn by data.split_seed"),
    ] = "given"
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        Field(description="device for features and training; auto: a GPU if there is one"),
    ] = "auto"
    data: DataConfig = Field(default_factory=DataConfig)
    shards: ShardsConfig = Field(default_factory=ShardsConfig)
    limits: Limits = Field(default_factory=Limits)
    render: RenderConfig = Field(default_factory=RenderConfig)
    features: FeaturesConfig = Field(default_factory=FeaturesConfig)
    adapt: AdaptConfig = Field(default_factory=AdaptConfig)
    graph: GraphConfig = Field(default_factory=GraphConfig)
    propagation: PropagationConfig = Field(default_factory=PropagationConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)
    evaluate: EvaluateConfig = Field(default_factory=EvaluateConfig)
    demo: DemoConfig = Field(default_factory=DemoConfig)

    @property
    def uses_demo(self) -> bool:
        """Whether the data set is the embedded demo set, which a rule builds."""
        return self.kind == "folder" and self._default_folders

    @property
    def source(self) -> Source:
        """Location and layout of the data set."""
        models, images = Path(self.models), Path(self.images) if self.images else None
        unpacked = Path("resources/sweethome3d") / self.dataset
        if self.kind == "sweethome3d":
            models = default_place() if self.models == DEMO_MODELS else models
            images = models
        data = self.data
        return Source(
            self.kind,
            models,
            images,
            self.split,
            data.train_share,
            data.split_seed,
            data.label,
            unpacked,
        )

    @property
    def awaits_furniture(self) -> bool:
        """Whether a rule has still to fetch the data set, which cannot be listed before."""
        return self.kind == "sweethome3d" and is_awaited(self.source.models)

    @property
    def feature_baselines(self) -> list[str]:
        """Baselines of the tables that need nothing but the encoder's features."""
        embedded = ("ucm-gcn", "k-reciprocal-centred", *get_args(EmbeddedBaseline))
        return [method for method in self.evaluate.methods if method not in embedded]

    @property
    def embedded_baselines(self) -> list[str]:
        """Baselines to embed: those asked for, and one that another asked for re-ranks."""
        wanted = set(self.evaluate.methods)
        if "k-reciprocal-centred" in wanted:
            wanted.add("mean-pool-centred")
        if self.train.supervision == "none":
            wanted.discard("ridge")  # it learns from labels
        return [method for method in get_args(EmbeddedBaseline) if method in wanted]

    @property
    def learned_methods(self) -> list[str]:
        """Methods of the tables that are ranked by an embedding for each seed."""
        known = ("ucm-gcn", "k-reciprocal-centred", *self.embedded_baselines)
        return [method for method in self.evaluate.methods if method in known]

    @property
    def probes(self) -> list[str]:
        """Protocols that train anew on other photos: ``open``, ``skewed``."""
        return [name for name in ("open", "skewed") if name in self.evaluate.protocols]

    @property
    def probed_methods(self) -> list[str]:
        """Methods that are trained or embedded under the probes."""
        known = ("ucm-gcn", "propagation")
        return [method for method in known if self.probes and method in self.evaluate.methods]

    @property
    def _default_folders(self) -> bool:
        return self.models == DEMO_MODELS and self.images in ("", DEMO_IMAGES)


def check_place(folder: str) -> None:
    """Check that Snakemake can work in the project's folder.

    Raises
    ------
    UserError
        If its path holds braces, in which Snakemake looks for wildcards.
    """
    if {"{", "}"} & set(folder):
        raise UserError(
            f"the project's folder {folder} has a brace in its path, which Snakemake takes for a "
            f"wildcard; rename or move the folder"
        )


def parse_config(raw: Mapping[str, Any]) -> Config:
    """Validate a configuration, and fill in the defaults.

    Raises
    ------
    UserError
        If a key is unknown or a value invalid; the message names all of them and, for an unknown
        key, the closest known one.
    """
    try:
        config = TypeAdapter(Config).validate_python(dict(raw))
    except ValidationError as error:
        raise UserError("\n".join(map(_explain, _innermost(error.errors())))) from None
    config = _resolve(config)
    _check_data(config)
    _ = encoder_spec(config.features)  # raises UserError on an unknown backbone
    if len(set(config.train.seeds)) < len(config.train.seeds):
        raise UserError(f"config: train.seeds = {config.train.seeds!r}: a seed occurs twice")
    return config


def as_typed(
    raw: Mapping[str, Any], parsed: Mapping[str, Any], arguments: Sequence[str]
) -> dict[str, Any]:
    """Restore names and paths that Snakemake has parsed: 007 as a number, `` #`` as a comment.

    Parameters
    ----------
    raw
        The configuration.
    parsed
        What Snakemake made of the arguments. Only values that come from there are restored: another
        workflow may use this one as a module, with a configuration of its own.
    arguments
        What follows ``--config``: ``key=value`` each.
    """
    typed = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
    keys = [key for key in TEXTS if typed.get(key) and key in raw and raw[key] == parsed.get(key)]
    return {**raw, **{key: typed[key].strip("'\"") for key in keys}}


def plain(settings: Any, without: str = "") -> dict[str, Any]:
    """Fields of a dataclass, except for one, as the plain values that Snakemake compares."""
    fields = {key: value for key, value in asdict(settings).items() if key != without}
    return {key: str(value) if isinstance(value, Path) else value for key, value in fields.items()}


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the configuration, with defaults and descriptions."""
    schema = TypeAdapter(Config).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def keys() -> Iterator[tuple[str, Any, str]]:
    """Yield every key as a dotted name, with its default and description."""
    schema = json_schema()
    for name, entry in schema["properties"].items():
        section = schema["$defs"].get(entry.get("$ref", "").rpartition("/")[2])
        for key, leaf in section["properties"].items() if section else [("", entry)]:
            full = f"{name}.{key}" if key else name
            yield full, leaf.get("default"), leaf.get("description", "")


def _resolve(config: Config) -> Config:
    """Resolve values that depend on other keys."""
    if config.dataset == "sweethome3d" and config.uses_demo:
        config = replace(config, kind="sweethome3d")
    elif config.kind == "folder" and config.models == DEMO_MODELS and not config.images:
        config = replace(config, images=DEMO_IMAGES)
    instances = config.kind in INSTANCE_LEVEL
    if config.render.textures == "auto":
        config = replace(config, render=replace(config.render, textures=instances))
    if config.propagation.residual == "auto":
        residual = 0.5 if instances or config.source.images is None else 0.0
        config = replace(config, propagation=replace(config.propagation, residual=residual))
    if config.adapt.own == "auto":
        # Adapting makes models of one kind alike, which is what exact models must not be.
        rounds = 0 if instances else config.adapt.rounds
        config = replace(config, adapt=replace(config.adapt, own=0.0, rounds=rounds))
    return config


def _check_data(config: Config) -> None:
    if config.uses_demo:
        return
    if config.kind == "sweethome3d":
        _check_name(config)
        return
    places: tuple[tuple[Role, str, str], ...] = (
        ("models", config.models, DEMO_MODELS),
        ("images", config.images, DEMO_IMAGES),
    )
    for role, value, demo in places:
        if value == demo:
            raise UserError(
                f"config: {role} is still the demo's. Add {role}=DIR after --config"
                f"{or_without(role)}{where_to_get(config.kind, role)}"
            )
    _check_name(config)


def _check_name(config: Config) -> None:
    if config.dataset == "demo":
        raise UserError(
            "config: the data are not the demo's, but dataset is still demo. "
            "Name your data set: --config dataset=NAME"
        )


def _innermost(errors: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Drop errors that only follow from a nested one, such as a list that is too short."""
    for error in errors:
        depth = len(error["loc"])
        if not any(e["loc"][:depth] == error["loc"] and len(e["loc"]) > depth for e in errors):
            yield error


def _explain(error: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"config: there is no key {name}{_nearest(name)}"
    if error["type"] == "value_error":  # raised by a section's check of several keys
        return f"config: {name}: {error['ctx']['error']}"
    return f"config: {name} = {error['input']!r}: {error['msg']}"


def _nearest(name: str) -> str:
    known: Sequence[str] = [key for key, _, _ in keys()]
    known = sorted({*known, *(key.partition(".")[0] for key in known)})
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return f"; did you mean {close[0]}?" if close else ""
