"""The index: one file with all that a search reads, so that it starts within seconds.

It holds the gallery, the frozen state of each method, and what it takes to encode a new photo or
mesh as the pipeline did: the settings of the stages, and the paths of the encoder and the views.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ucmgcn.core.arrays import Features, Floats, Ints
from ucmgcn.files.digest import broken, intact, sealed_path
from ucmgcn.graph.attach import Frozen, FrozenNetwork, Layer, photo_reach
from ucmgcn.graph.space import FeatureSpace
from ucmgcn.index.likeness import likeness_thresholds
from ucmgcn.media.cameras import neighbours
from ucmgcn.settings import FeaturesConfig, GraphConfig, RenderConfig

SCHEMA_VERSION = 5
POOLINGS = ("max", "mean")
SPACE = ("photo_mean", "view_mean", "model_mean", "projection")


@dataclass(frozen=True)
class Model:
    """A model of the library: its id, category (may be empty) and the file of its mesh."""

    id: str
    category: str
    path: Path


@dataclass(frozen=True)
class Facts:
    """Provenance of an index.

    Attributes
    ----------
    dataset, kind, models
        Name and kind of the data set, and the folder of its meshes, as the run had them.
    encoder, views, view_features
        The exported encoder, the shards of the rendered views and of their features, relative to
        the data set's results.
    render, features
        Settings of these stages.
    adapted
        SHA-256 of the encoder's adapted weights; empty for an encoder as it comes.
    """

    dataset: str
    kind: str
    models: str
    encoder: str
    views: list[str]
    view_features: list[str]
    render: dict[str, Any]
    features: dict[str, Any]
    adapted: str = ""

    @property
    def render_config(self) -> RenderConfig:
        """Settings to render a new mesh with."""
        return RenderConfig(**self.render)

    @property
    def features_config(self) -> FeaturesConfig:
        """Settings to encode a new photo or view with."""
        return FeaturesConfig(**self.features)


@dataclass(frozen=True)
class IndexedModels:
    """What an index holds of each model.

    Attributes
    ----------
    models
        The m models of the graph, in its order.
    shard
        For each model the number of the shard with its views, shape (m,).
    pooled
        For each of `POOLINGS` the encoder's features of the models, shape (m, D).
    """

    models: Sequence[Model]
    shard: Ints
    pooled: Mapping[str, Features]


@dataclass(frozen=True)
class SearchIndex:
    """An opened index.

    Attributes
    ----------
    path
        The file.
    facts
        What it was made of.
    models, shard
        See `IndexedModels`.
    photos
        Ids of the n photos of the graph.
    methods
        The methods that have a frozen state.
    beside
        Pairs of views whose cameras are neighbours, shape (e, 2).
    reach
        See `ucmgcn.graph.attach.photo_reach`, shape (n,).
    likeness
        See `ucmgcn.index.likeness.likeness_thresholds`, shape (3,) or (0,).
    """

    path: Path
    facts: Facts
    models: list[Model]
    shard: Ints
    photos: list[str]
    methods: list[str]
    beside: Ints
    reach: Features
    likeness: Features

    def frozen(self, method: str) -> Frozen:
        """Read the frozen state of a method that has one."""
        with _opened(self.path) as file:
            return _read_frozen(file, method)

    def pooled(self, pooling: str) -> Features:
        """Read the encoder's features of the models, max- or mean-pooled over views, (m, D)."""
        with _opened(self.path) as file:
            return np.asarray(file["pooled"][pooling])


def write_index(
    path: Path,
    facts: Facts,
    gallery: IndexedModels,
    photos: Sequence[str],
    cameras: Floats,
    methods: Mapping[str, Frozen],
) -> None:
    """Write an index; see `SearchIndex`.

    Parameters
    ----------
    facts, photos
        See `SearchIndex`.
    gallery
        The models.
    cameras
        Unit positions of the views' cameras, shape (v, 3); empty where they are not known.
    methods
        Frozen states, all of one graph.
    """
    text = h5py.string_dtype()
    state = next(iter(methods.values()))
    beside = neighbours(cameras) if len(cameras) else np.empty((0, 2), dtype=np.int64)
    with sealed_path(path) as partial, h5py.File(partial, "w") as file:
        file.attrs.update(schema=SCHEMA_VERSION, facts=json.dumps(asdict(facts)))
        rows = [(model.id, model.category, str(model.path)) for model in gallery.models]
        file.create_dataset("models", data=rows, dtype=text, shape=(len(rows), 3))
        file.create_dataset("shard", data=gallery.shard)
        file.create_dataset("photos", data=list(photos), dtype=text)
        file.create_dataset("beside", data=beside)
        file.create_dataset("reach", data=photo_reach(state))
        known = state.features[: state.photos]
        file.create_dataset("likeness", data=likeness_thresholds(known, state.views))
        for name in POOLINGS:
            file.create_dataset(f"pooled/{name}", data=gallery.pooled[name])
        _write_graph(file.create_group("graph"), state)
        for name, frozen in methods.items():
            _write_method(file.create_group(f"methods/{name}"), frozen)


def read_index(path: Path) -> SearchIndex:
    """Open an index.

    Raises
    ------
    UserError
        If there is none, or it is damaged or of another version.
    """
    with _opened(path) as file:
        facts = Facts(**json.loads(str(file.attrs["facts"])))
        rows = file["models"].asstr()[:]
        return SearchIndex(
            path,
            facts,
            [Model(str(id), str(category), Path(mesh)) for id, category, mesh in rows],
            file["shard"][:],
            [str(id) for id in file["photos"].asstr()[:]],
            list(file["methods"]),
            file["beside"][:],
            file["reach"][:],
            file["likeness"][:],
        )


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """Open an index for reading; any error becomes a `UserError`."""
    try:
        with h5py.File(intact(path), "r") as file:
            if file.attrs.get("schema") != SCHEMA_VERSION:
                raise broken(path, "it is of another version")
            yield file
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise broken(path, error) from error


def _write_graph(group: h5py.Group, frozen: Frozen) -> None:
    for name in SPACE:
        group.create_dataset(name, data=getattr(frozen.space, name))
    group.create_dataset("features", data=frozen.features)
    group.create_dataset("degree", data=frozen.degree)
    group.attrs.update(
        config=json.dumps(asdict(frozen.config)),
        photos=frozen.photos,
        models=frozen.models,
        coverage=frozen.space.coverage,
        radius=frozen.space.radius,
    )


def _write_method(group: h5py.Group, frozen: Frozen) -> None:
    group.attrs.update(
        kinds=json.dumps(frozen.kinds),
        teleport=frozen.teleport,
        residual=frozen.residual,
        gated=frozen.gated,
    )
    group.create_dataset("spread", data=frozen.spread)
    group.create_dataset("learned", data=frozen.learned)
    for i, state in enumerate(frozen.states):
        group.create_dataset(f"states/{i}", data=state)
    if frozen.network is None:
        return
    network = group.create_group("network")
    network.attrs.update(hops=frozen.network.hops, teleport=frozen.network.teleport)
    for i, layer in enumerate(frozen.network.layers):
        network.create_dataset(f"{i}/own", data=layer.own)
        network.create_dataset(f"{i}/bias", data=layer.bias)
        network.create_dataset(f"{i}/relations", data=np.stack(layer.relations))


def _read_frozen(file: h5py.File, method: str) -> Frozen:
    graph, group = file["graph"], file["methods"][method]
    states = group.get("states", {})
    return Frozen(
        space=replace(
            FeatureSpace(*(graph[name][:] for name in SPACE)),
            coverage=float(graph.attrs["coverage"]),
            radius=float(graph.attrs["radius"]),
        ),
        config=GraphConfig(**json.loads(str(graph.attrs["config"]))),
        features=graph["features"][:],
        degree=graph["degree"][:],
        kinds=[
            [(kind[0], kind[1], kind[2]) for kind in kinds]
            for kinds in json.loads(str(group.attrs["kinds"]))
        ],
        photos=int(graph.attrs["photos"]),
        models=int(graph.attrs["models"]),
        spread=group["spread"][:],
        learned=group["learned"][:],
        network=_read_network(group["network"]) if "network" in group else None,
        states=[states[str(i)][:] for i in range(len(states))],
        teleport=float(group.attrs["teleport"]),
        residual=float(group.attrs["residual"]),
        gated=bool(group.attrs["gated"]),
    )


def _read_network(group: h5py.Group) -> FrozenNetwork:
    layers = [group[str(i)] for i in range(len(group))]
    return FrozenNetwork(
        [Layer(layer["own"][:], layer["bias"][:], list(layer["relations"][:])) for layer in layers],
        int(group.attrs["hops"]),
        float(group.attrs["teleport"]),
    )
