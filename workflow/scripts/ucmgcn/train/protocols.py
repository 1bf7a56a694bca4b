"""The two protocols: with the queries as nodes of the graph, and without them.

`transductive` trains once, with all photos as nodes. For `inductive` the feature space is fitted,
the graph built and the network trained without the queries; then all is frozen, and the queries are
attached one by one. Where some photos are context (see `supervision`), that happens once, with
those. Where all photos are queries, it happens once for each fold of them, with the other folds.
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
    """A graph to learn on; none depends on another.

    Attributes
    ----------
    name
        ``"all"`` has all photos as nodes; the others, ``"fold-0"`` and so on, are without some.
    without
        Mask of the photos that are no nodes of it, shape (n,).
    asked
        Mask of the photos that it embeds, shape (n,).
    """

    name: str
    without: Mask
    asked: Mask


@dataclass(frozen=True)
class FoldEmbeddings:
    """What a part made of the photos that it was asked for, (q, d), and of the models, (m, d)."""

    photos: Features
    models: Features


def folds_of(photos: Sequence[str], context: Mask, folds: int, seed: int) -> list[Fold]:
    """List the parts of both protocols, the largest first; parameters as of `held_out`."""
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
    """Learn on one part, and embed what it is asked for.

    Parameters
    ----------
    graph, nodes
        What `build_graph` wrote, of all photos.
    learn
        Called with a graph, its feature space, the mask of the photos that it holds and a name;
        gives a frozen state.
    """
    if not part.without.any():
        state = learn(load_graph(graph), nodes.space, ~part.without, part.name)
        return FoldEmbeddings(state.known, state.gallery)
    known = refit(nodes, part.without, config)
    state = learn(link(known, config), known.space, ~part.without, part.name)
    return FoldEmbeddings(embed_queries(state, nodes.photo_features[part.asked]), state.gallery)


def both_protocols(parts: Sequence[Fold], answers: Sequence[FoldEmbeddings]) -> dict[str, Embedded]:
    """Gather the embeddings of each protocol, by its name.

    Parameters
    ----------
    parts, answers
        Of `folds_of`, and what `embed_fold` gave for each of them.
    """
    everything, galleries = answers[0], [answer.models for answer in answers[1:]]
    widths = [gallery.shape[1] for gallery in galleries]
    queries = np.zeros((len(parts[0].asked), sum(widths)), dtype=np.float32)
    for number, (part, found) in enumerate(zip(parts[1:], answers[1:], strict=True)):
        queries[part.asked] = in_block(found.photos, number, widths)
    return {
        "transductive": Embedded(
            everything.photos, everything.models, [everything.models.shape[1]]
        ),
        "inductive": Embedded(queries, beside(galleries), widths),
    }


def held_out(photos: Sequence[str], context: Mask, folds: int, seed: int) -> list[Mask]:
    """Which photos take no part in what they are compared with.

    Parameters
    ----------
    photos
        Ids of n photos.
    context
        Mask of those that are no queries, shape (n,). If there are any, all others are held out
        at once, and `folds` and `seed` do not matter.
    folds, seed
        Otherwise each photo is held out in one of so many folds. Its id and the seed alone decide
        in which, so that no photo that comes or goes moves another; the folds are only roughly of
        one size, and an empty one is left out.

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
