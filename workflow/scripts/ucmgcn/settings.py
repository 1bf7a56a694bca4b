"""The sections of `config.yaml` as dataclasses: keys, defaults, descriptions and bounds."""

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
MOST_LINKS = 10_000  # of one node: no set needs more, and memory grows with it
LEAST_TEMPERATURE = 0.025  # exp(-2 / temperature) is a normal float32
STRICT = ConfigDict(extra="forbid", coerce_numbers_to_str=True)
DEMO_MODELS = "resources/demo/models"
DEMO_IMAGES = "resources/demo/images"
Pooling = Literal["mean", "max"]
Unit = Annotated[float, Field(ge=0, le=1)]
Colour = Unit | tuple[Unit, Unit, Unit]
# Baselines that have embeddings for each seed.
EmbeddedBaseline = Literal[
    "mean-pool-centred", "propagation", "diffusion", "diffusion-joined", "mlp", "ridge"
]
Method = Literal[
    "ucm-gcn",
    "max-pool",
    "mean-pool",
    "max-view",
    "alpha-qe",
    "k-reciprocal",
    "k-reciprocal-centred",
    EmbeddedBaseline,
]

Protocol = Literal["transductive", "inductive", "open", "skewed"]


@dataclass(frozen=True, config=STRICT)
class Limits:
    """Limits on reading one mesh or photo; a file beyond them is rejected."""

    seconds: Annotated[float, Field(gt=0, description="time limit per file, seconds")] = 600.0
    memory: Annotated[int, Field(ge=64, description="memory limit per file, MiB")] = 8192


@dataclass(frozen=True, config=STRICT)
class DemoConfig:
    """The embedded demo set."""

    seed: Annotated[int, Field(ge=0, description="seed of the shapes and photos")] = 0
    models_per_category: Annotated[int, Field(ge=1, description="gallery models per category")] = 10
    photos_per_category: Annotated[int, Field(ge=1, description="query photos per category")] = 12


@dataclass(frozen=True, config=STRICT)
class ShardsConfig:
    """Number of shards, the unit of work and of caching."""

    models: Annotated[int, Field(ge=1, le=999, description="shards for the models")] = 8
    images: Annotated[int, Field(ge=1, le=999, description="shards for the photos")] = 4


@dataclass(frozen=True, config=STRICT)
class DataConfig:
    """How the data set is read."""

    label: Annotated[
        str,
        Field(min_length=1, description="column of the category, such as category, name or style"),
    ] = "category"
    views: Annotated[
        int, Field(ge=1, le=200, description="views read per model; for kind: mi3dor")
    ] = 12
    train_share: Annotated[
        float, Field(gt=0, lt=1, description="share of training photos; for split: stratified")
    ] = 0.5
    split_seed: Annotated[
        int, Field(ge=0, description="seed of the split; for split: stratified")
    ] = 0


@dataclass(frozen=True, config=STRICT)
class RenderConfig:
    """How views are rendered."""

    cameras: Annotated[
        Literal["icosahedron", "dodecahedron", "ring", "sphere"],
        Field(description="camera placement: polyhedron vertices, a ring, or a uniform sphere"),
    ] = "icosahedron"
    views: Annotated[
        int,
        Field(
            ge=1, le=200, description="views per model: icosahedron 12, dodecahedron 20, else any"
        ),
    ] = 12
    elevation: Annotated[
        float,
        Field(ge=-90, le=90, description="elevation above the horizon, degrees; for cameras: ring"),
    ] = 30.0
    size: Annotated[int, Field(ge=16, le=2048, description="width and height, pixels")] = 224
    fit: Annotated[
        Literal["tight", "sphere"],
        Field(description="frame each view tightly, or scale by the bounding sphere"),
    ] = "sphere"
    fill: Annotated[
        float, Field(gt=0, le=1, description="share of the frame that the model may fill")
    ] = 0.94
    fov: Annotated[float, Field(ge=1, le=120, description="field of view, degrees")] = 25.0
    light: Annotated[
        Literal["key", "headlight"],
        Field(description="light from the upper left and the camera (key), or the camera alone"),
    ] = "key"
    background: Annotated[
        Colour, Field(description="background colour: grey level or [r, g, b], 0 to 1")
    ] = 1.0
    colour: Annotated[
        Colour, Field(description="colour of untextured surfaces: grey level or [r, g, b], 0 to 1")
    ] = 0.7
    textures: Annotated[
        bool | Literal["auto"],
        Field(description="draw colours and textures; auto: only for instance-level kinds"),
    ] = "auto"
    antialias: Annotated[bool, Field(description="smooth edges by supersampling")] = True

    def __post_init__(self) -> None:
        vertices = POLYHEDRON_VIEWS.get(self.cameras, self.views)
        if self.views != vertices:
            raise ValueError(
                f"{self.cameras} has {vertices} vertices, but views: {self.views}. "
                f"Set views: {vertices}, or cameras: sphere for any number"
            )


@dataclass(frozen=True, config=STRICT)
class FeaturesConfig:
    """How features of photos and views are extracted."""

    backbone: Annotated[
        str,
        Field(
            max_length=200,
            description="efficientnet-lite0 to -lite2, -b0 to -b7, timm:NAME, or a sum A+B, A*2+B",
        ),
    ] = "efficientnet-lite0"
    weights: Annotated[
        str | dict[str, str],
        Field(description="weights file, or {NAME: file}; empty: the installed weights"),
    ] = ""
    sha256: Annotated[
        str | dict[str, str],
        Field(description="SHA-256 of the weights, or {NAME: SHA-256}; empty: the published one"),
    ] = ""
    allow_download: Annotated[
        bool, Field(description="download weights that are neither installed nor cached")
    ] = False
    output: Annotated[
        Output,
        Field(description="network output: mean- or max-pooled features, logits, or pooled+logits"),
    ] = "pooled"
    flip: Annotated[
        bool, Field(description="average over each image and its mirror image; doubles the time")
    ] = False
    resize: Annotated[
        Resize,
        Field(description="how a photo becomes square: centre crop, white padding or squashing"),
    ] = "crop"
    batch: Annotated[
        int, Field(ge=0, description="images per batch; 0: 4 on each CPU core, 64 on a GPU")
    ] = 0


@dataclass(frozen=True, config=STRICT)
class AdaptConfig:
    """How the graph teaches the encoder's last blocks (a method of this project, not the paper)."""

    rounds: Annotated[
        int, Field(ge=0, description="times a graph is built and teaches the encoder; 0: off")
    ] = 0
    blocks: Annotated[
        int, Field(ge=1, description="last blocks of the encoder that are trained, with its head")
    ] = 1
    steps: Annotated[int, Field(ge=1, description="training steps in each round")] = 120
    photos: Annotated[int, Field(ge=1, description="photos in each step")] = 40
    models: Annotated[
        int, Field(ge=2, description="models in each step: those linked to the photos, and others")
    ] = 60
    lr: Annotated[float, Field(gt=0, description="learning rate of Adam")] = 0.0002
    temperature: Annotated[
        float, Field(ge=LEAST_TEMPERATURE, description="temperature of info-nce")
    ] = 0.2
    pull: Annotated[
        float, Field(ge=0, description="weight of the squared distance to the pre-trained weights")
    ] = 0.01
    looks: Annotated[
        tuple[Resize, ...],
        Field(min_length=1, description="squares cut from a photo, whose features are averaged"),
    ] = ("crop", "pad")
    own: Annotated[
        Unit | Literal["auto"],
        Field(description="share of untouched features; auto: 0, or no adapting at instance level"),
    ] = "auto"
    sample: Annotated[
        int, Field(ge=2, description="most photos, and most models, that the graph is built of")
    ] = 20_000
    seed: Annotated[int, Field(ge=0, description="seed of the batches")] = 0
    checkpoint_every: Annotated[int, Field(ge=1, description="steps between checkpoints")] = 20

    @property
    def own_share(self) -> float:
        """`own` as a number; 0 if it is still ``"auto"``."""
        return 0.0 if self.own == "auto" else self.own


@dataclass(frozen=True, config=STRICT)
class GraphConfig:
    """How the graph of photos, views and models is built."""

    k: Annotated[
        int,
        Field(
            ge=1,
            le=MOST_LINKS,
            description="nearest photos linked to a photo, and models to a model",
        ),
    ] = 15
    view_k: Annotated[
        int, Field(ge=1, le=MOST_LINKS, description="nearest views linked to a photo (edges S)")
    ] = 5
    knn: Annotated[
        KnnIndex,
        Field(description="nearest-neighbour index; auto: exact unless the data set is huge"),
    ] = "auto"
    similarity: Annotated[
        Literal["cosine", "mutual", "threshold", "csls"],
        Field(description="edges S kept: all, mutual ones, those above threshold, or by CSLS"),
    ] = "cosine"
    threshold: Annotated[
        float,
        Field(ge=-1, le=1, description="minimum cosine of an edge S; for similarity: threshold"),
    ] = 0.2
    structure: Annotated[
        Literal["constant", "mean", "cosine"],
        Field(description="weight b of view-model edges: 1, 1/views, or their cosine"),
    ] = "constant"
    model_pooling: Annotated[
        Pooling, Field(description="how a model's features are pooled from its views")
    ] = "mean"
    view_view: Annotated[bool, Field(description="link neighbouring views of a model")] = True
    same_kind: Annotated[
        bool, Field(description="link photos to photos and models to models; not in the paper")
    ] = True
    space: Annotated[
        Literal["raw", "centred", "pca-whitened"],
        Field(description="feature space: raw, centred per modality, or centred and PCA-whitened"),
    ] = "pca-whitened"
    alignment: Annotated[
        Literal["matched", "means"],
        Field(description="centre of the photos: by the views they match, or by their mean alone"),
    ] = "matched"
    dims: Annotated[
        int, Field(ge=2, description="principal components; for space: pca-whitened")
    ] = 128
    exponent: Annotated[
        float,
        Field(ge=0, le=1, description="component scale: singular value^-exponent; 1 whitens fully"),
    ] = 0.5


@dataclass(frozen=True, config=STRICT)
class PropagationConfig:
    """How features propagate over the graph."""

    hops: Annotated[int, Field(ge=0, description="propagation steps")] = 8
    teleport: Annotated[
        float, Field(ge=0, le=1, description="weight of a node's own features in each step")
    ] = 0.05
    rounds: Annotated[
        int, Field(ge=0, description="times the graph is rebuilt from propagated features")
    ] = 1
    neighbours: Annotated[
        int, Field(ge=1, description="nearest photos and models per node in a rebuilt graph")
    ] = 15
    residual: Annotated[
        Annotated[float, Field(ge=0, lt=1)] | Literal["auto"],
        Field(
            description="weight of unpropagated features; auto: 0.5 at instance level or without "
            "photos, else 0"
        ),
    ] = "auto"
    familiarity: Annotated[
        bool,
        Field(description="weigh own features more for new photos unlike the library's photos"),
    ] = True

    @property
    def own_share(self) -> float:
        """`residual` as a number; 0 if it is still ``"auto"``."""
        return 0.0 if self.residual == "auto" else self.residual


@dataclass(frozen=True, config=STRICT)
class TrainConfig:
    """The graph convolutional network and its training."""

    seeds: Annotated[
        tuple[Annotated[int, Field(ge=0)], ...],
        Field(
            min_length=1,
            description="one training run per seed; tables give mean and standard deviation",
        ),
    ] = (0, 1, 2)
    epochs: Annotated[int, Field(ge=1, description="passes over all photos and models")] = 20
    full_batch_nodes: Annotated[
        int, Field(ge=0, description="most nodes for full-batch training; above, mini-batches")
    ] = 200_000
    batch: Annotated[int, Field(ge=16, description="photos and models per mini-batch")] = 4096
    fanout: Annotated[
        int, Field(ge=1, description="neighbours sampled per node and layer; for mini-batches")
    ] = 10
    layers: Annotated[int, Field(ge=1, le=8, description="graph convolution layers")] = 2
    hidden: Annotated[int, Field(ge=1, description="width of the hidden layers")] = 128
    dims: Annotated[int, Field(ge=1, description="dimension of the embedding")] = 128
    lr: Annotated[float, Field(gt=0, description="learning rate of Adam")] = 0.01
    weight_decay: Annotated[float, Field(ge=0, description="weight decay of Adam")] = 0.0001
    dropout: Annotated[float, Field(ge=0, lt=1, description="dropout rate before each layer")] = 0.3
    edge_dropout: Annotated[
        float, Field(ge=0, lt=1, description="share of the edges dropped in each step")
    ] = 0.0
    per_relation: Annotated[
        bool, Field(description="use relation-specific weights, not one matrix for all edge types")
    ] = False
    hops: Annotated[int, Field(ge=0, description="propagation steps after the last layer")] = 0
    matching: Annotated[
        Literal["transport", "nearest"],
        Field(description="pseudo-labels: from optimal transport, or from nearest neighbours"),
    ] = "transport"
    transport_entropy: Annotated[
        float,
        Field(gt=0, description="entropy of the transport plan: small is sharp, large is spread"),
    ] = 0.1
    transport_balance: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="for transport: 1 gives all models equal mass, 0 lets each photo choose",
        ),
    ] = 1.0
    discrimination: Annotated[
        Literal["info-nce", "spectral"],
        Field(description="contrastive loss between neighbours and others"),
    ] = "info-nce"
    temperature: Annotated[
        float, Field(ge=LEAST_TEMPERATURE, description="temperature of info-nce")
    ] = 0.5
    correlation: Annotated[
        Literal["coral", "agreement", "off"],
        Field(description="loss that aligns photos and models"),
    ] = "coral"
    correlation_weight: Annotated[
        float, Field(ge=0, description="weight of the correlation loss")
    ] = 1.0
    supervision: Annotated[
        Literal["none", "source"],
        Field(description="labels used: none, or those of training photos; never a model's"),
    ] = "none"
    label_seed: Annotated[
        int,
        Field(
            ge=0,
            description="seed of the labelled half if no split is given; for supervision: source",
        ),
    ] = 0
    label_weight: Annotated[
        float,
        Field(ge=0, description="weight of the cross-entropy on labels; for supervision: source"),
    ] = 2.0
    folds: Annotated[
        int, Field(ge=2, description="held-out folds of the photos; for the inductive protocol")
    ] = 3
    checkpoint_every: Annotated[int, Field(ge=1, description="epochs between checkpoints")] = 10


@dataclass(frozen=True, config=STRICT)
class EvaluateConfig:
    """Methods, metrics and tables of the evaluation."""

    methods: Annotated[
        tuple[Method, ...],
        Field(min_length=1, description="methods in the tables: UCM-GCN and the baselines"),
    ] = get_args(Method)
    protocols: Annotated[
        tuple[Protocol, ...],
        Field(
            min_length=1,
            description="rows in the tables; open and skewed train anew for each category and draw",
        ),
    ] = ("transductive", "inductive")
    distance: Annotated[
        Literal["cosine", "euclidean"], Field(description="distance between descriptors")
    ] = "cosine"
    flavour: Annotated[
        Literal["official", "legacy"],
        Field(description="metrics as in MI3DOR's evaluator, or in the paper's repository"),
    ] = "official"
    official_preprocess: Annotated[
        bool, Field(description="clamp negative values to 0 first, as MI3DOR's evaluator does")
    ] = False
    top: Annotated[int, Field(ge=10, description="models per photo in ranking.csv.gz")] = 100
    resamples: Annotated[
        int, Field(ge=1, description="bootstrap samples for the confidence intervals")
    ] = 2000


@dataclasses.dataclass(frozen=True)
class Settings:
    """All that a training run depends on besides the graph; `train` is None for the baseline."""

    graph: GraphConfig
    propagation: PropagationConfig
    train: TrainConfig | None
    seed: int
    device: str

    @property
    def gated(self) -> bool:
        """Whether own features weigh by how familiar a photo is; labels tell more than that."""
        labels = self.train is not None and self.train.supervision == "source"
        return self.propagation.familiarity and not labels
