"""The configuration: every key, its default, its meaning and its limits.

`config.yaml` holds the same keys and defaults, and `workflow/schemas/config.schema.yaml` is the
JSON Schema made from this module; a test keeps the three in step.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from ucmgcn.datasets import INSTANCE_LEVEL, Kind, Role, Source, Split, origin_of
from ucmgcn.datasets.furniture_package import default_place
from ucmgcn.errors import UserError
from ucmgcn.features import FeaturesConfig
from ucmgcn.limits import Limits
from ucmgcn.neighbour_search import Index
from ucmgcn.render import RenderConfig

STRICT = ConfigDict(extra="forbid", coerce_numbers_to_str=True)
DEMO_MODELS = "resources/demo/models"
DEMO_IMAGES = "resources/demo/images"


@dataclass(frozen=True, config=STRICT)
class DemoConfig:
    """The embedded demo set."""

    seed: Annotated[int, Field(ge=0, description="seed of all its shapes and photos")] = 0
    models_per_category: Annotated[int, Field(ge=1, description="gallery models a category")] = 10
    photos_per_category: Annotated[int, Field(ge=1, description="query photos a category")] = 12


@dataclass(frozen=True, config=STRICT)
class ShardsConfig:
    """How many files the items of a stage are spread over: the unit of work and of caching."""

    models: Annotated[int, Field(ge=1, le=999, description="shards of the models")] = 8
    images: Annotated[int, Field(ge=1, le=999, description="shards of the photos")] = 4


@dataclass(frozen=True, config=STRICT)
class DataConfig:
    """How the data set is read."""

    label: Annotated[
        str, Field(min_length=1, description="column of the categories, or one such as name, style")
    ] = "category"
    views: Annotated[
        int, Field(ge=1, le=200, description="views taken of models that come as views; for mi3dor")
    ] = 12
    train_share: Annotated[
        float, Field(gt=0, lt=1, description="photos for training; for split stratified")
    ] = 0.5
    split_seed: Annotated[int, Field(ge=0, description="of the drawn split")] = 0


@dataclass(frozen=True, config=STRICT)
class GraphConfig:
    """How the cross-media graph is built."""

    k: Annotated[
        int, Field(ge=1, description="nearest photos of a photo, and models of a model")
    ] = 15
    view_k: Annotated[int, Field(ge=1, description="nearest views of a photo: the edges S")] = 5
    knn: Annotated[
        Index, Field(description="how neighbours are searched: auto is exact unless a set is huge")
    ] = "auto"
    similarity: Annotated[
        Literal["cosine", "mutual", "threshold", "csls"],
        Field(description="which of these views are linked: all, mutual, alike, or by CSLS"),
    ] = "cosine"
    threshold: Annotated[
        float, Field(ge=-1, le=1, description="least cosine of an edge S; for similarity threshold")
    ] = 0.2
    structure: Annotated[
        Literal["constant", "mean", "cosine"],
        Field(description="weight b of view-model edges: 1, 1/views, or cosine to the model"),
    ] = "constant"
    model_pooling: Annotated[
        Literal["mean", "max"],
        Field(description="a model's own features: the mean of its views, or their maximum"),
    ] = "mean"
    view_view: Annotated[bool, Field(description="link neighbouring views of a model")] = True
    same_kind: Annotated[
        bool, Field(description="link photos to photos and models to models; the paper does not")
    ] = True
    space: Annotated[
        Literal["raw", "centred", "pca-whitened"],
        Field(description="feature space: raw, centred per modality, or also PCA-whitened"),
    ] = "pca-whitened"
    dims: Annotated[int, Field(ge=2, description="principal components of pca-whitened")] = 128
    exponent: Annotated[
        float, Field(ge=0, le=1, description="components are scaled by singular value^-exponent")
    ] = 0.5


@dataclass(frozen=True, config=STRICT)
class PropagationConfig:
    """How features spread over the graph, and how neighbourhoods are rebuilt from the result."""

    hops: Annotated[int, Field(ge=0, description="steps of propagation")] = 8
    teleport: Annotated[
        float, Field(ge=0, le=1, description="share of a node's own features in each step")
    ] = 0.05
    rounds: Annotated[
        int, Field(ge=0, description="times that the graph is rebuilt from what was propagated")
    ] = 1
    neighbours: Annotated[
        int, Field(ge=1, description="nearest photos and models of each node when rebuilding")
    ] = 15
    residual: Annotated[
        Annotated[float, Field(ge=0, lt=1)] | Literal["auto"],
        Field(description="share of an item's own features; auto: half for instance level, else 0"),
    ] = "auto"

    @property
    def own_share(self) -> float:
        """`residual` as a number: 0 for ``"auto"``, as long as no kind of data decides on it."""
        return 0.0 if self.residual == "auto" else self.residual


@dataclass(frozen=True, config=STRICT)
class TrainConfig:
    """The network, and how it is trained."""

    seeds: Annotated[
        tuple[Annotated[int, Field(ge=0)], ...],
        Field(min_length=1, description="one training each; tables give mean and sd"),
    ] = (0, 1, 2)
    epochs: Annotated[int, Field(ge=1, description="passes over all photos and models")] = 20
    full_batch_nodes: Annotated[
        int, Field(ge=0, description="largest graph for one step an epoch; above, mini-batches")
    ] = 200_000
    batch: Annotated[
        int, Field(ge=16, description="photos and models that a mini-batch is made of")
    ] = 4096
    fanout: Annotated[
        int, Field(ge=1, description="neighbours sampled for a node and layer in mini-batches")
    ] = 10
    layers: Annotated[int, Field(ge=1, le=8, description="graph convolutions")] = 2
    hidden: Annotated[int, Field(ge=1, description="size of the layers between")] = 128
    dims: Annotated[int, Field(ge=1, description="size of the learned embedding")] = 128
    lr: Annotated[float, Field(gt=0, description="learning rate of Adam")] = 0.01
    weight_decay: Annotated[float, Field(ge=0, description="decay of the weights")] = 0.0001
    dropout: Annotated[float, Field(ge=0, lt=1, description="dropout before each layer")] = 0.3
    edge_dropout: Annotated[
        float, Field(ge=0, lt=1, description="share of the edges left out in each step")
    ] = 0.0
    per_relation: Annotated[
        bool, Field(description="weights of their own for each type of edges, or one for all")
    ] = False
    hops: Annotated[int, Field(ge=0, description="propagation after the last layer")] = 0
    matching: Annotated[
        Literal["transport", "nearest"],
        Field(description="how photos and models become neighbours: balanced, or nearest"),
    ] = "transport"
    transport_entropy: Annotated[
        float, Field(gt=0, description="of transport: small is sharp, large is spread")
    ] = 0.1
    transport_balance: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="of transport: 1 gives all models equal shares, 0 lets each photo choose",
        ),
    ] = 1.0
    discrimination: Annotated[
        Literal["info-nce", "spectral"], Field(description="loss that tells neighbours from others")
    ] = "info-nce"
    temperature: Annotated[float, Field(ge=0.025, description="of info-nce")] = 0.5
    correlation: Annotated[
        Literal["coral", "agreement", "off"], Field(description="loss against the media's gap")
    ] = "coral"
    correlation_weight: Annotated[float, Field(ge=0, description="weight of that loss")] = 1.0
    supervision: Annotated[
        Literal["none", "source"],
        Field(description="labels used: none, or those of half the photos; never a model's"),
    ] = "none"
    label_seed: Annotated[
        int, Field(ge=0, description="decides which half of each category; for source")
    ] = 0
    label_weight: Annotated[
        float, Field(ge=0, description="weight of the labels' cross-entropy; for source")
    ] = 2.0
    folds: Annotated[
        int, Field(ge=2, description="parts of the photos, for the inductive protocol")
    ] = 3
    checkpoint_every: Annotated[int, Field(ge=1, description="epochs between checkpoints")] = 10


Method = Literal[
    "ucm-gcn", "propagation", "max-pool", "mean-pool", "max-view", "alpha-qe", "k-reciprocal"
]


@dataclass(frozen=True, config=STRICT)
class EvaluateConfig:
    """What is measured, and how."""

    methods: Annotated[
        tuple[Method, ...],
        Field(min_length=1, description="rows of the tables: the method and its controls"),
    ] = get_args(Method)
    distance: Annotated[
        Literal["cosine", "euclidean"], Field(description="how descriptors are compared")
    ] = "cosine"
    flavour: Annotated[
        Literal["official", "legacy"],
        Field(description="MI3DOR's evaluator, or the one of the paper's repository"),
    ] = "official"
    official_preprocess: Annotated[
        bool, Field(description="set negative values to 0 first, as MI3DOR's evaluator does")
    ] = False
    top: Annotated[int, Field(ge=10, description="models a photo in ranking.csv.gz")] = 100
    resamples: Annotated[int, Field(ge=1, description="bootstrap samples of the intervals")] = 2000


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
    kind: Annotated[Kind, Field(description="how the files lie, see docs/datasets.md")] = "folder"
    models: Annotated[str, Field(min_length=1, description="folder of the meshes")] = DEMO_MODELS
    images: Annotated[str, Field(min_length=1, description="folder of the photos")] = DEMO_IMAGES
    split: Annotated[
        Split, Field(description="train and test photos: as given, all in one, or drawn by seed")
    ] = "given"
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        Field(description="where features and training run; auto takes a GPU where there is one"),
    ] = "auto"
    data: DataConfig = Field(default_factory=DataConfig)
    shards: ShardsConfig = Field(default_factory=ShardsConfig)
    limits: Limits = Field(default_factory=Limits)
    render: RenderConfig = Field(default_factory=RenderConfig)
    features: FeaturesConfig = Field(default_factory=FeaturesConfig)
    graph: GraphConfig = Field(default_factory=GraphConfig)
    propagation: PropagationConfig = Field(default_factory=PropagationConfig)
    train: TrainConfig = Field(default_factory=TrainConfig)
    evaluate: EvaluateConfig = Field(default_factory=EvaluateConfig)
    demo: DemoConfig = Field(default_factory=DemoConfig)

    @property
    def uses_demo(self) -> bool:
        """Whether the data are the embedded demo set, which a rule makes."""
        return self.kind == "folder" and self._default_folders

    @property
    def source(self) -> Source:
        """Where the data set lies, and how it is read."""
        models, images = Path(self.models), Path(self.images)
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
    def _default_folders(self) -> bool:
        return (self.models, self.images) == (DEMO_MODELS, DEMO_IMAGES)


def parse_config(raw: Mapping[str, Any]) -> Config:
    """Check a configuration, and fill in what it leaves out.

    Raises
    ------
    UserError
        Naming every unknown key, with the nearest known one, and every value out of its limits.
    """
    try:
        config = TypeAdapter(Config).validate_python(dict(raw))
    except ValidationError as error:
        raise UserError("\n".join(map(_explain, _innermost(error.errors())))) from None
    config = _resolve(config)
    _check_data(config)
    _ = config.features.encoder  # refuses backbones that there are none of
    if len(set(config.train.seeds)) < len(config.train.seeds):
        raise UserError(f"config: train.seeds = {config.train.seeds!r}: a seed occurs twice")
    return config


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the configuration, defaults and descriptions included."""
    schema = TypeAdapter(Config).json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def keys() -> Iterator[tuple[str, Any, str]]:
    """Yield every key as a dotted name, with its default and its description."""
    schema = json_schema()
    for name, entry in schema["properties"].items():
        section = schema["$defs"].get(entry.get("$ref", "").rpartition("/")[2])
        for key, leaf in section["properties"].items() if section else [("", entry)]:
            full = f"{name}.{key}" if key else name
            yield full, leaf.get("default"), leaf.get("description", "")


def _resolve(config: Config) -> Config:
    """Fill in what depends on other keys."""
    if config.dataset == "sweethome3d" and config.uses_demo:
        config = replace(config, kind="sweethome3d")
    instances = config.kind in INSTANCE_LEVEL
    if config.render.textures == "auto":
        config = replace(config, render=replace(config.render, textures=instances))
    if config.propagation.residual == "auto":
        residual = 0.5 if instances else 0.0
        config = replace(config, propagation=replace(config.propagation, residual=residual))
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
                + origin_of(config.kind, role)
            )
    _check_name(config)


def _check_name(config: Config) -> None:
    if config.dataset == "demo":
        raise UserError(
            "config: these are not the demo's folders, but dataset is still demo. "
            "Give them a name: --config dataset=NAME"
        )


def _innermost(errors: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Leave out what only follows from an error further inside, as that a list is too short."""
    for error in errors:
        depth = len(error["loc"])
        if not any(e["loc"][:depth] == error["loc"] and len(e["loc"]) > depth for e in errors):
            yield error


def _explain(error: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"config: there is no key {name}{_nearest(name)}"
    return f"config: {name} = {error['input']!r}: {error['msg']}"


def _nearest(name: str) -> str:
    known: Sequence[str] = [key for key, _, _ in keys()]
    known = sorted({*known, *(key.partition(".")[0] for key in known)})
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    return f"; did you mean {close[0]}?" if close else ""
