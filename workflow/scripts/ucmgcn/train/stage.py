"""The train stage: one seed of the network, of its baselines, or of both under the probes."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import dgl
import pandas as pd
import torch

from ucmgcn.core.arrays import Mask
from ucmgcn.core.processes import map_processes
from ucmgcn.datasets.roles import Roles, classes_of
from ucmgcn.files.digest import sealed_path
from ucmgcn.files.embeddings import write_embeddings
from ucmgcn.files.hashing import file_sha256
from ucmgcn.graph.attach import Frozen
from ucmgcn.graph.file import read_nodes
from ucmgcn.graph.flat_graph import flatten
from ucmgcn.graph.space import FeatureSpace
from ucmgcn.settings import Settings
from ucmgcn.train.baselines import embed_baselines
from ucmgcn.train.probes import measured_categories, probes_of
from ucmgcn.train.protocols import (
    Fold,
    FoldEmbeddings,
    both_protocols,
    embed_fold,
    folds_of,
    gathered,
)
from ucmgcn.train.training import Training


@dataclass(frozen=True)
class Files:
    """The output files of the stage."""

    checkpoint: Path
    history: Path
    embeddings: Path

    @property
    def unfinished(self) -> Path:
        """Folder of the checkpoints from which an interrupted training resumes."""
        return self.checkpoint.parent / "unfinished"


def train_seed(
    graph: Path,
    nodes: Path,
    files: Files,
    settings: Settings,
    roles: Roles | None = None,
    processes: int = 1,
) -> None:
    """Train one seed, and write its checkpoint, history and embeddings.

    An interrupted training resumes from its last checkpoint beside `files.checkpoint`, and ends
    with the same numbers as an uninterrupted one.

    Parameters
    ----------
    graph, nodes
        Output of `build_graph`.
    roles
        Which photos are context, and whose labels may be used; by default all photos are queries.
    processes
        Number of the seed's trainings that run in parallel on CPUs, each on one core with its own
        graph; results do not depend on it. On a GPU they run one at a time.

    Raises
    ------
    UserError
        If the graph or its nodes cannot be read, or labels are missing.
    """
    assert settings.train is not None
    known, roles = read_nodes(nodes), roles or Roles()
    context = roles.mask(known.photos)
    parts = folds_of(known.photos, context, settings.train.folds, settings.seed)
    key = _digest(graph, nodes, settings, roles)
    train = partial(train_fold, graph, nodes, files, settings, roles, key)
    answers, histories = zip(
        *map_processes(train, parts, processes if settings.device == "cpu" else 1), strict=True
    )
    with sealed_path(files.history) as unready:
        pd.concat(histories).to_csv(unready, index=False, float_format="%.6f")
    embedded = both_protocols(parts, answers)
    write_embeddings(files.embeddings, known.photos, known.models, embedded, context)
    shutil.rmtree(files.unfinished, ignore_errors=True)


def train_fold(
    graph: Path,
    nodes: Path,
    files: Files,
    settings: Settings,
    roles: Roles,
    key: str,
    part: Fold,
) -> tuple[FoldEmbeddings, pd.DataFrame]:
    """Train the network of one fold; return its embeddings and the losses of its epochs.

    The fold with all photos also writes the checkpoint. Parameters as in `train_seed`; `key` is the
    digest of inputs and settings by which a training recognises its own checkpoints.
    """
    config, known = settings.train, read_nodes(nodes)
    assert config is not None
    classes = classes_of(known.photos, roles.labels) if config.supervision == "source" else None
    histories: list[pd.DataFrame] = []

    def learn(linked: dgl.DGLGraph, space: FeatureSpace, kept: Mask, name: str) -> Frozen:
        flat = flatten(linked, config.per_relation, torch.device(settings.device))
        checkpoint = files.unfinished / f"{name}.pt"
        training = Training(flat, settings, config, checkpoint, key, space.trust)
        if classes is not None and (classes[kept] >= 0).any():
            training.supervise(classes[kept])
        training.run()
        if name == "all":
            with sealed_path(files.checkpoint) as unready:
                torch.save(training.network.state_dict(), unready)
        histories.append(pd.DataFrame(training.history).assign(part=name))
        return training.freeze(space)

    return embed_fold(graph, known, part, learn, settings.graph), histories[0]


def train_baselines(
    graph: Path,
    nodes: Path,
    files: Mapping[str, Path],
    settings: Settings,
    roles: Roles | None = None,
    processes: int = 1,
) -> None:
    """Write the embeddings of baselines, on the folds that the network has with the same seed.

    Without photos there is no inductive protocol.

    Parameters
    ----------
    files
        The file to write for each method of `train.baselines.EMBED`.
    graph, nodes, roles, processes
        As in `train_seed`.

    Raises
    ------
    UserError
        If the graph or its nodes cannot be read, or labels are missing.
    """
    assert settings.train is not None
    known, roles = read_nodes(nodes), roles or Roles()
    context = roles.mask(known.photos)
    parts = folds_of(known.photos, context, settings.train.folds, settings.seed)
    embed = partial(embed_baselines, graph, nodes, settings, roles, list(files))
    answers = map_processes(embed, parts, processes if settings.device == "cpu" else 1)
    for method, path in files.items():
        embedded = both_protocols(parts, [answer[method] for answer in answers])
        write_embeddings(path, known.photos, known.models, embedded, context)


@dataclass(frozen=True)
class ProbeInputs:
    """The input files of the probes: output of `build_graph`, and manifests with the labels."""

    graph: Path
    nodes: Path
    images: Path
    models: Path


def train_probes(
    inputs: ProbeInputs,
    files: Mapping[str, Path],
    settings: Settings,
    wanted: Collection[str],
    roles: Roles | None = None,
    processes: int = 1,
) -> None:
    """Write the embeddings of the network and of propagation under the protocols of `probes`.

    An interrupted one resumes from the checkpoints of its trainings, as in `train_seed`. Without
    labels the files hold no protocol.

    Parameters
    ----------
    files
        The file to write for ``"ucm-gcn"``, for ``"propagation"``, or for both; all in a folder.
    wanted
        ``"open"``, ``"skewed"`` or both.
    roles, processes
        As in `train_seed`.

    Raises
    ------
    UserError
        If the graph or its nodes cannot be read, or labels are missing.
    """
    known, roles = read_nodes(inputs.nodes), roles or Roles()
    context = roles.mask(known.photos)
    categories = measured_categories(known.photos, inputs.images, inputs.models)
    probes = probes_of(categories, context, wanted)
    key = _digest(inputs.graph, inputs.nodes, settings, roles)
    embed = partial(_embed_probe, inputs, files, settings, roles, key)
    parts = [part for parts in probes.values() for part in parts]
    found = map_processes(embed, parts, processes if settings.device == "cpu" else 1)
    answers = {part.name: answer for part, answer in zip(parts, found, strict=True)}
    for method, path in files.items():
        embedded = {
            name: gathered(folds, [answers[fold.name][method] for fold in folds])
            for name, folds in probes.items()
        }
        write_embeddings(path, known.photos, known.models, embedded, context)
        shutil.rmtree(_probe_files(path).unfinished, ignore_errors=True)


def _embed_probe(
    inputs: ProbeInputs,
    files: Mapping[str, Path],
    settings: Settings,
    roles: Roles,
    key: str,
    part: Fold,
) -> dict[str, FoldEmbeddings]:
    """Embed the queries of one fold, and the models, by each method of `files`."""
    ground = inputs.graph, inputs.nodes
    others = [method for method in files if method != "ucm-gcn"]
    found = embed_baselines(*ground, settings, roles, others, part) if others else {}
    if "ucm-gcn" in files:
        unready = _probe_files(files["ucm-gcn"])
        found["ucm-gcn"], _ = train_fold(*ground, unready, settings, roles, key, part)
    return found


def _probe_files(embeddings: Path) -> Files:
    """Name the files of the trainings: only their unfinished checkpoints are ever written."""
    folder = embeddings.parent
    return Files(folder / "checkpoint.pt", folder / "history.csv", embeddings)


def _digest(graph: Path, nodes: Path, settings: Settings, roles: Roles) -> str:
    facts = [asdict(settings), asdict(roles)]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for path in (graph, nodes):
        digest.update(file_sha256(path).encode())
    return digest.hexdigest()
