"""The two protocols: with the queries as nodes of the graph, and without them.

`transductive` trains once, with all photos as nodes. `inductive` fits the feature space, builds the
graph and trains the network without the queries; then all is frozen, and the queries are attached
one by one. If some photos are context (see `ucmgcn.datasets.roles`), this happens once, with the
context as nodes. If all photos are queries, it happens once for each fold, with the photos of the
other folds as nodes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import dgl
import numpy as np

from ucmgcn.core.arrays import Features, Mask
from ucmgcn.files.embeddings import Embedded, beside, in_block
from ucmgcn.graph.attach import Frozen, embed_queries
from ucmgcn.graph.build import link, refit
from ucmgcn.graph.file import load_graph
from ucmgcn.graph.heterograph import Nodes
from ucmgcn.graph.space import FeatureSpace
from ucmgcn.settings import GraphConfig

Learn = Callable[[dgl.DGLGraph, FeatureSpace, Mask, str], Frozen]


@dataclass(frozen=True)
class Fold:
    """A graph to train on, independent of the other folds.

    Attributes
    ----------
    name
        ``"all"`` has all photos as nodes; ``"fold-0"`` and so on hold some out.
    without
        Mask of the photos that are not nodes, shape (n,).
    asked
        Mask of the photos to embed, shape (n,): all nodes, or photos to attach one by one.
    """

    name: str
    without: Mask
    asked: Mask

    @property
    def attached(self) -> bool:
        """Whether photos to embed are no nodes, and attached to the frozen graph."""
        return bool((self.asked & self.without).any())


@dataclass(frozen=True)
class FoldEmbeddings:
    """Embeddings that a fold gives to its queries, (q, d), and to the models, (m, d)."""

    photos: Features
    models: Features


def folds_of(photos: Sequence[str], context: Mask, folds: int, seed: int) -> list[Fold]:
    """List the folds of both protocols, the one with all photos first; parameters of `held_out`."""
    everyone = np.ones(len(photos), dtype=bool)
    masks = held_out(photos, context, folds, seed)
    return [
        Fold("all", ~everyone, everyone),
        *(
            Fold(f"fold-{number}", mask, mask if len(masks) > 1 else everyone)
            for number, mask in enumerate(masks)
        ),
    ]


def embed_fold(
    graph: Path, nodes: Nodes, part: Fold, learn: Learn, config: GraphConfig
) -> FoldEmbeddings:
    """Train on one fold, and embed its queries and the models.

    Parameters
    ----------
    graph, nodes
        Output of `build_graph` for all photos.
    learn
        Takes a graph, its feature space, the mask of its photos and the fold's name; returns a
        frozen state.
    """
    known, linked = ground_of(graph, nodes, part, config)
    state = learn(linked, known.space, ~part.without, part.name)
    if not part.attached:
        return FoldEmbeddings(state.known, state.gallery)
    return FoldEmbeddings(embed_queries(state, nodes.photo_features[part.asked]), state.gallery)


def ground_of(
    graph: Path, nodes: Nodes, part: Fold, config: GraphConfig
) -> tuple[Nodes, dgl.DGLGraph]:
    """Return the nodes of a fold, in a space fitted to them, and their graph.

    Parameters as in `embed_fold`.
    """
    if not part.without.any():
        return nodes, load_graph(graph)
    known = refit(nodes, part.without, config)
    return known, link(known, config)


def both_protocols(parts: Sequence[Fold], answers: Sequence[FoldEmbeddings]) -> dict[str, Embedded]:
    """Gather the embeddings of each protocol, by its name.

    Parameters
    ----------
    parts, answers
        The folds of `folds_of`, and the result of `embed_fold` for each. Without photos there is
        only the first, and no inductive protocol.
    """
    found = {"transductive": gathered(parts[:1], answers[:1])}
    if len(parts) > 1:
        found["inductive"] = gathered(parts[1:], answers[1:])
    return found


def gathered(parts: Sequence[Fold], answers: Sequence[FoldEmbeddings]) -> Embedded:
    """Gather the answers of the folds of one protocol; a photo that none asks for is zero."""
    photos, galleries = len(parts[0].asked), [answer.models for answer in answers]
    widths = [gallery.shape[1] for gallery in galleries]
    queries = np.zeros((photos, sum(widths)), dtype=np.float32)
    seen = np.zeros(photos, dtype=np.int64)
    for number, (part, found) in enumerate(zip(parts, answers, strict=True)):
        queries[part.asked] = in_block(found.photos, number, widths)
        seen[part.asked] = np.count_nonzero(~part.without)
    return Embedded(queries, beside(galleries), widths, seen)


def held_out(photos: Sequence[str], context: Mask, folds: int, seed: int) -> list[Mask]:
    """Choose the photos that each fold holds out.

    Parameters
    ----------
    photos
        Ids of n photos.
    context
        Mask of the photos that are not queries, shape (n,). If there are any, all other photos are
        held out at once, and `folds` and `seed` do not matter.
    folds, seed
        Without context, each photo is held out in one of `folds` folds. Its id and the seed alone
        decide in which one, so that adding or removing a photo moves no other. The folds are only
        roughly equal in size, and empty ones are left out.

    Returns
    -------
    list of masks of shape (n,)
    """
    if context.any() and not context.all():
        return [~context]
    fold = np.array([_fold(photo, folds, seed) for photo in photos])
    if len(np.unique(fold)) == 1:
        fold = np.arange(len(photos)) % folds
    return [fold == number for number in np.unique(fold)]


def _fold(photo: str, folds: int, seed: int) -> int:
    digest = hashlib.sha256(f"{seed} {photo}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % folds
