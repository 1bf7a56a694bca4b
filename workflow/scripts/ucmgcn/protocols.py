"""The two protocols: with the queries as nodes of the graph, and without them.

`transductive` trains once, with all photos as nodes. For `inductive` the feature space is fitted,
the graph built and the network trained without the queries; then all is frozen, and the queries are
attached one by one. Where some photos are context (see `supervision`), that happens once, with
those. Where all photos are queries, it happens once for each fold of them, with the other folds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import dgl
import numpy as np

from ucmgcn.config import GraphConfig
from ucmgcn.embeddings import Embedded, Rows, beside, in_block
from ucmgcn.graph import Nodes, link, refit
from ucmgcn.inductive import Frozen, embed_queries
from ucmgcn.spaces import FeatureSpace
from ucmgcn.supervision import Mask

Learn = Callable[[dgl.DGLGraph, FeatureSpace, Mask, str], Frozen]


def both_protocols(
    graph: dgl.DGLGraph, nodes: Nodes, learn: Learn, config: GraphConfig, parts: Sequence[Mask]
) -> dict[str, Embedded]:
    """Embed photos and models under both protocols.

    Parameters
    ----------
    learn
        Called with a graph, its feature space, the mask of the photos that it holds and a name;
        gives a frozen state.
    parts
        What `held_out` gave.

    Returns
    -------
    dict
        The embeddings of each protocol, by its name.
    """
    everything = learn(graph, nodes.space, np.ones(len(nodes.photos), dtype=bool), "all")
    transductive = Embedded(everything.known, everything.gallery, [everything.gallery.shape[1]])
    del everything  # a graph and its states at a time
    galleries: list[Rows] = []
    answers: list[tuple[Mask, Rows]] = []
    for number, part in enumerate(parts):
        known = refit(nodes, part, config)
        state = learn(link(known, config), known.space, ~part, f"fold-{number}")
        galleries.append(state.gallery)
        asked = part if len(parts) > 1 else np.ones_like(part)
        answers.append((asked, embed_queries(state, nodes.photo_features[asked])))
    widths = [gallery.shape[1] for gallery in galleries]
    queries = np.zeros((len(nodes.photos), sum(widths)), dtype=np.float32)
    for number, (asked, rows) in enumerate(answers):
        queries[asked] = in_block(rows, number, widths)
    return {
        "transductive": transductive,
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
