"""A small graph of random photos and models, with an untrained network, frozen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ucmgcn.graph.attach import Frozen
from ucmgcn.graph.build import make_graph
from ucmgcn.graph.flat_graph import FlatGraph, flatten
from ucmgcn.graph.space import fit_space, normalise
from ucmgcn.media.cameras import icosahedron, neighbours
from ucmgcn.settings import GraphConfig
from ucmgcn.train.freeze import record, weights_of
from ucmgcn.train.gcn import UCMGCN

GENERATOR = np.random.default_rng(0)
PHOTOS = GENERATOR.normal(size=(20, 6)).astype(np.float32)
VIEWS = GENERATOR.normal(size=(8, 12, 6)).astype(np.float32)
BESIDE = neighbours(icosahedron())
K, VIEW_K, TELEPORT, MODELS = 3, 4, 0.1, len(VIEWS)


def trained(per_relation: bool, **config: object) -> tuple[Frozen, FlatGraph, UCMGCN]:
    settings = GraphConfig(k=K, view_k=VIEW_K, **config)
    space = fit_space(PHOTOS, VIEWS, "centred", 6, 0.5, settings.model_pooling)
    space = replace(space, coverage=1.0)  # the parts weigh the same
    mapped = space.photos(PHOTOS), space.views(VIEWS), space.models(VIEWS)
    graph = make_graph(*mapped, icosahedron(), settings)
    flat = flatten(graph, per_relation, torch.device("cpu"))
    torch.manual_seed(0)
    network = UCMGCN([6, 5, 4], len(flat.kinds), 0.0, 1, TELEPORT).eval()
    rows, states = record(network, flat)
    state = Frozen(
        space=space,
        config=settings,
        features=flat.features.numpy(),
        degree=flat.adjacency.degree.numpy(),
        kinds=flat.kinds,
        photos=len(PHOTOS),
        models=MODELS,
        spread=normalise(flat.ends(flat.features).numpy()),
        learned=normalise(flat.ends(rows).numpy()),
        network=weights_of(network, len(flat.kinds)),
        states=states,
        teleport=TELEPORT,
        residual=0.0,
    )
    return state, flat, network
