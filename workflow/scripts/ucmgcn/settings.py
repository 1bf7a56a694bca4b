"""Every section of `config.yaml` as a dataclass: its keys, defaults, meaning and bounds."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

KnnIndex = Literal["auto", "flat", "ivf", "hnsw"]
Resize = Literal["crop", "pad", "squash"]
Output = Literal["pooled", "max", "logits", "pooled+logits"]
Kind = Literal["folder", "mi3dor", "3d-future", "modelnet", "shapenet", "manifest", "sweethome3d"]
Split = Literal["given", "none", "stratified"]
POLYHEDRON_VIEWS = {"icosahedron": 12, "dodecahedron": 20}
LEAST_TEMPERATURE = 0.025  # exp(-2 / temperature) is a normal float32
STRICT = ConfigDict(extra="forbid", coerce_numbers_to_str=True)
DEMO_MODELS = "resources/demo/models"
DEMO_IMAGES = "resources/demo/images"
Pooling = Literal["mean", "max"]
Unit = Annotated[float, Field(ge=0, le=1)]
Colour = Unit | tuple[Unit, Unit, Unit]
Method = Literal[
    "ucm-gcn", "propagation", "max-pool", "mean-pool", "max-view", "alpha-qe", "k-reciprocal"
]


@dataclass(frozen=True, config=STRICT)
class Limits:
    """What one mesh or photo may cost before it is rejected."""

    seconds: Annotated[float, Field(gt=0, description="time to read and draw one file")] = 600.0
    memory: Annotated[int, Field(ge=64, description="memory for one file, MiB")] = 8192


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
class RenderConfig:
    """How views are rendered."""

    cameras: Annotated[
        Literal["icosahedron", "dodecahedron", "ring", "sphere"],
        Field(description="where the cameras are: vertices of a polyhedron, a ring, or any number"),
    ] = "icosahedron"
    views: Annotated[
        int, Field(ge=1, le=200, description="cameras: icosahedron 12, dodecahedron 20, else any")
    ] = 12
    elevation: Annotated[
        float, Field(ge=-90, le=90, description="of the ring above the horizon, degrees")
    ] = 30.0
    size: Annotated[int, Field(ge=16, le=2048, description="width and height, pixels")] = 224
    fit: Annotated[
        Literal["tight", "sphere"],
        Field(description="fill the frame in every view, or keep one scale in all views"),
    ] = "sphere"
    fill: Annotated[float, Field(gt=0, le=1, description="part of the frame that is filled")] = 0.94
    fov: Annotated[float, Field(ge=1, le=120, description="field of view, degrees")] = 25.0
    light: Annotated[
        Literal["key", "headlight"],
        Field(
            description="a light from the upper left and a weaker one at the camera, or that one"
        ),
    ] = "key"
    background: Annotated[Colour, Field(description="ground: grey or [r, g, b], 0 to 1")] = 1.0
    colour: Annotated[Colour, Field(description="surfaces without texture; as background")] = 0.7
    textures: Annotated[
        bool | Literal["auto"],
        Field(description="draw colours and textures, or shape only; auto: for instance level"),
    ] = "auto"
    antialias: Annotated[
        bool, Field(description="smooth edges, by drawing larger and scaling down")
    ] = True

    def __post_init__(self) -> None:
        vertices = POLYHEDRON_VIEWS.get(self.cameras, self.views)
        if self.views != vertices:
            raise ValueError(
                f"{self.cameras} has {vertices} vertices, but views: {self.views}. "
                f"Set views: {vertices}, or cameras: sphere for any number"
            )


@dataclass(frozen=True, config=STRICT)
class FeaturesConfig:
    """How photos and views are described."""

    backbone: Annotated[
        str,
        Field(
            max_length=200,
            description="efficientnet-lite0 to -lite2 or -b0 to -b7, timm:NAME, or NAME*2+NAME",
        ),
    ] = "efficientnet-lite0"
    weights: Annotated[
        str | dict[str, str],
        Field(description="file of the weights, or {NAME: file}; empty takes the installed ones"),
    ] = ""
    sha256: Annotated[
        str | dict[str, str],
        Field(description="SHA-256 of that file, or {NAME: SHA-256}; empty takes the published"),
    ] = ""
    allow_download: Annotated[
        bool, Field(description="fetch weights that are neither installed nor cached")
    ] = False
    output: Annotated[
        Output, Field(description="features averaged or max-pooled over the image, or class logits")
    ] = "pooled"
    flip: Annotated[
        bool, Field(description="average over each image and its mirror image; twice the time")
    ] = False
    resize: Annotated[
        Resize, Field(description="how a photo becomes a square: centre crop, white pad or squash")
    ] = "crop"
    batch: Annotated[
        int, Field(ge=0, description="images at a time; 0 takes 4 per core of a CPU, 64 on a GPU")
    ] = 0


@dataclass(frozen=True, config=STRICT)
class GraphConfig:
    """How the cross-media graph is built."""

    k: Annotated[
        int, Field(ge=1, description="nearest photos of a photo, and models of a model")
    ] = 15
    view_k: Annotated[int, Field(ge=1, description="nearest views of a photo: the edges S")] = 5
    knn: Annotated[
        KnnIndex,
        Field(description="how neighbours are searched: auto is exact unless a set is huge"),
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
        Pooling,
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
    temperature: Annotated[float, Field(ge=LEAST_TEMPERATURE, description="of info-nce")] = 0.5
    correlation: Annotated[
        Literal["coral", "agreement", "off"], Field(description="loss against the modality gap")
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


@dataclass(frozen=True, config=STRICT)
class EvaluateConfig:
    """What is measured, and how."""

    methods: Annotated[
        tuple[Method, ...],
        Field(min_length=1, description="rows of the tables: the method and its baselines"),
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


@dataclasses.dataclass(frozen=True)
class Settings:
    """All that a training depends on besides the graph; `train` is None for the baseline."""

    graph: GraphConfig
    propagation: PropagationConfig
    train: TrainConfig | None
    seed: int
    device: str
