"""Models and those most like them: what a page can show of a library without photos."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ucmgcn.core.arrays import Features
from ucmgcn.datasets.manifest import Item, read_items
from ucmgcn.files.embeddings import read_embeddings
from ucmgcn.files.rows import read_rows
from ucmgcn.report.gallery import (
    PHOTO_SIDE,
    QUERIES,
    SHOWN,
    Key,
    ShownModel,
    ShownQuery,
    Strip,
    evenly,
    view_pictures,
)
from ucmgcn.report.inputs import LibraryInputs
from ucmgcn.report.projection import embedded_ids

TITLE = "Some models"
TEXT = "evenly spaced in the list, each with those most like it"


def similar_models(inputs: LibraryInputs) -> list[Strip]:
    """Choose models, and load their first view and the models most like them, without itself.

    As in a search for "more like this", models are ranked by the cosine of their embeddings. There
    is nothing to show of a single model.
    """
    path = inputs.embeddings[0]
    ids = embedded_ids(path)["model"]
    if len(ids) < 2:
        return []
    rows = read_embeddings(path, "model", "transductive", ids)
    chosen = evenly(ids, 2 * QUERIES)
    found = {id: list(_nearest(rows, ids.index(id))) for id in chosen}
    pairs = [(id, ids[number]) for id in chosen for number, _ in found[id]]
    views = read_rows(inputs.view_features, "view-features", chosen)[:, 0]
    looks = dict(zip(chosen, views, strict=True))
    own = view_pictures(inputs, [(id, id) for id in chosen], looks, PHOTO_SIDE)
    pictures = own | view_pictures(inputs, pairs, looks)
    items = {item.id: item for item in read_items(inputs.models)}
    ranked = {id: [(ids[number], score) for number, score in found[id]] for id in chosen}
    return [Strip(TITLE, TEXT, [_shown(items[id], ranked[id], pictures) for id in chosen])]


def _nearest(rows: Features, number: int) -> Iterator[tuple[int, float]]:
    """Yield the other rows nearest to one, best first, and their cosines."""
    scores = rows @ rows[number]
    order = np.argsort(-scores, kind="stable")
    for other in order[order != number][:SHOWN].tolist():
        yield other, float(scores[other])


def _shown(model: Item, ranked: list[tuple[str, float]], pictures: Mapping[Key, str]) -> ShownQuery:
    found = [
        ShownModel(rank, other, score, None, pictures[model.id, other])
        for rank, (other, score) in enumerate(ranked, 1)
    ]
    return ShownQuery(model.id, model.category, pictures[model.id, model.id], found, None, None)
