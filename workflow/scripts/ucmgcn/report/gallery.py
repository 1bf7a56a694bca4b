"""The gallery: best, typical and worst queries, with the models found for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ucmgcn.core.arrays import Descriptors
from ucmgcn.core.errors import ItemError
from ucmgcn.datasets.manifest import Item, read_items
from ucmgcn.files.digest import intact
from ucmgcn.files.rows import read_rows
from ucmgcn.files.shards import open_shard
from ucmgcn.media.photos import load_photo
from ucmgcn.media.pictures import data_uri
from ucmgcn.report.inputs import LibraryInputs, ReportInputs
from ucmgcn.report.scores import read_table

Key = tuple[str, str]

KINDS = {
    "Best": "most and earliest hits; ties go to the highest scores",
    "Typical": "closest to the median query",
    "Worst": "fewest and latest hits; ties go to the highest scores, the most confident mistakes",
}
UNJUDGED = ("Some queries", "evenly spaced in the list; without labels, hits are not marked")

SHOWN = 10
QUERIES = 5
PHOTO_SIDE, VIEW_SIDE = 240, 144
ROWS_AT_A_TIME = 200_000


@dataclass(frozen=True)
class ShownModel:
    """A model in a ranking; `hit` is None if the gallery has no model of the right category."""

    rank: int
    model: str
    score: float
    hit: bool | None
    picture: str


@dataclass(frozen=True)
class ShownQuery:
    """A photo, or a model, with its first models.

    `hits` and `reference_hits` count the hits of the subject and of the reference. They are None
    if the gallery has no model of the right category, or if there is no reference.
    """

    id: str
    category: str
    picture: str
    found: list[ShownModel]
    hits: int | None
    reference_hits: int | None


@dataclass(frozen=True)
class Choice:
    """A kind of queries: its title, its explanation, and the ids chosen."""

    title: str
    text: str
    ids: list[str]


@dataclass(frozen=True)
class Strip:
    """The queries of one kind, with their pictures."""

    title: str
    text: str
    queries: list[ShownQuery]


def build_gallery(inputs: ReportInputs, subject: Key, reference: Key) -> list[Strip]:
    """Choose queries, and load their photos and the views of their first models.

    Parameters
    ----------
    subject, reference
        Method and protocol of the ranking to show, and of the one whose hits are given beside it.
    """
    rankings = read_top(inputs.ranking, {subject, reference})
    ours = rankings[subject]
    theirs = rankings[reference] if reference != subject else None
    photos = {item.id: item for item in read_items(inputs.images)}
    possible = _possible_hits(inputs.per_category, photos)
    choices = choose_queries(rank_quality(ours, possible), photos)
    rows = ours[ours["query"].isin([id for choice in choices for id in choice.ids])]
    views = _view_pictures(inputs, rows)

    def show(id: str) -> ShownQuery:
        beside = theirs if possible[id] else None
        return _query(photos[id], rows, beside, views, judged=possible[id] > 0)

    return [Strip(c.title, c.text, [show(id) for id in c.ids]) for c in choices if c.ids]


def read_top(path: Path, keys: Iterable[Key], depth: int = SHOWN) -> dict[Key, pd.DataFrame]:
    """Read the first places of these methods, chunk by chunk."""
    columns = ["query", "method", "rank", "model", "score", "hit", "protocol"]
    types = {**dict.fromkeys(columns, str), "rank": np.int64, "score": np.float64}
    parts: dict[Key, list[pd.DataFrame]] = {key: [] for key in keys}
    reader = pd.read_csv(
        intact(path), usecols=columns, dtype=types, keep_default_na=False, chunksize=ROWS_AT_A_TIME
    )
    for chunk in reader:
        top = chunk[chunk["rank"] <= depth]
        for method, protocol in parts:
            here = (top["method"] == method) & (top["protocol"] == protocol)
            parts[method, protocol].append(top[here])
    return {key: pd.concat(found, ignore_index=True) for key, found in parts.items()}


def rank_quality(top: pd.DataFrame, possible: Mapping[str, int]) -> pd.DataFrame:
    """Compute the NDCG of each query's first places.

    Parameters
    ----------
    top
        First places, with the columns query, rank, score, hit.
    possible
        Number of models of the right category in the gallery, by query; queries without any are
        not judged.

    Returns
    -------
    Table by query with the columns ``ndcg`` (discounted gain of the hits, divided by that of the
    best possible ranking; NaN if not judged) and ``score``, the mean score of its places.
    """
    gain = (top["hit"] == "1") / np.log2(top["rank"] + 1)
    table = top.assign(gain=gain).groupby("query")[["gain", "score"]]
    quality = table.agg({"gain": "sum", "score": "mean"})
    depth = int(top["rank"].max())
    ideal = np.cumsum([0.0, *(1 / np.log2(np.arange(1, depth + 1) + 1))])
    sought = [min(possible.get(str(query), 0), depth) for query in quality.index]
    best = pd.Series(ideal[sought], index=quality.index).replace(0.0, np.nan)
    return pd.DataFrame({"ndcg": quality["gain"] / best, "score": quality["score"]})


def choose_queries(
    quality: pd.DataFrame, photos: Mapping[str, Item], n: int = QUERIES
) -> list[Choice]:
    """Choose the best, the most typical and the worst queries, from as many categories as possible.

    Parameters
    ----------
    quality
        Result of `rank_quality`. If no query is judged, evenly spaced ones are chosen.
    n
        Number of queries of each kind; no query is chosen twice.
    """
    judged = quality.dropna()
    if judged.empty:
        return [Choice(*UNJUDGED, evenly(sorted(map(str, quality.index)), 2 * n))]
    ndcg = judged["ndcg"].round(9)
    taken: set[str] = set()
    chosen = {}
    for kind, distance in (
        ("Best", -ndcg), ("Worst", ndcg), ("Typical", (ndcg - ndcg.median()).abs()),
    ):  # fmt: skip
        order = pd.DataFrame({"distance": distance, "unsure": -judged["score"]})
        ids = map(str, order.sort_values(["distance", "unsure"], kind="stable").index)
        chosen[kind] = _spread([id for id in ids if id not in taken], photos, n)
        taken.update(chosen[kind])
    return [Choice(kind, text, chosen[kind]) for kind, text in KINDS.items()]


def _possible_hits(per_category: Path, photos: Mapping[str, Item]) -> dict[str, int]:
    table = read_table(per_category)
    sizes = dict(zip(table["category"], table["n_models"].astype(int), strict=True))
    return {id: sizes.get(photo.category, 0) for id, photo in photos.items()}


def evenly(ids: Sequence[str], n: int) -> list[str]:
    """Choose n of the ids, or all, evenly spaced in their order."""
    places = np.linspace(0, len(ids) - 1, min(n, len(ids)))
    return [ids[i] for i in np.unique(places.round().astype(int))]


def _spread(ids: Sequence[str], photos: Mapping[str, Item], n: int) -> list[str]:
    """Take n ids in their order; the first of every category goes before the second of any."""
    seen: Counter[str] = Counter()
    turns = []
    for place, id in enumerate(ids):
        category = photos[id].category
        turns.append((seen[category], place))
        seen[category] += 1
    return [ids[place] for place in sorted(place for _, place in sorted(turns)[:n])]


def _query(
    photo: Item,
    rows: pd.DataFrame,
    beside: pd.DataFrame | None,
    views: Mapping[Key, str],
    judged: bool,
) -> ShownQuery:
    mine = rows[rows["query"] == photo.id].sort_values("rank")
    return ShownQuery(
        id=photo.id,
        category=photo.category,
        picture=_photo(Path(photo.path)),
        found=[
            _found(row, views[photo.id, row["model"]], judged) for row in mine.to_dict("records")
        ],
        hits=_count_hits(mine) if judged else None,
        reference_hits=None if beside is None else _count_hits(beside[beside["query"] == photo.id]),
    )


def _found(row: Mapping[Hashable, Any], picture: str, judged: bool) -> ShownModel:
    hit = row["hit"] == "1" if judged else None
    return ShownModel(row["rank"], row["model"], row["score"], hit, picture)


def _count_hits(rows: pd.DataFrame) -> int:
    return int((rows["hit"] == "1").sum())


def _photo(path: Path) -> str:
    """Return the photo as a data URI, or an empty string if its file was removed since the run."""
    try:
        return data_uri(load_photo(path, PHOTO_SIDE, "pad"), PHOTO_SIDE)
    except ItemError:
        return ""


def _view_pictures(inputs: ReportInputs, rows: pd.DataFrame) -> dict[Key, str]:
    """Load, for each query and model, the view nearest to the photo."""
    pairs = list(zip(rows["query"], rows["model"], strict=True))
    queries = sorted(set(rows["query"]))
    photos = read_rows(inputs.image_features, "image-features", queries)
    return view_pictures(inputs, pairs, dict(zip(queries, photos, strict=True)))


def view_pictures(
    inputs: LibraryInputs,
    pairs: Sequence[Key],
    looks: Mapping[str, Descriptors],
    side: int = VIEW_SIDE,
) -> dict[Key, str]:
    """Load, for each pair of a query and a model, the model's view nearest to the query.

    Parameters
    ----------
    looks
        Features of each query, shape (d,).
    side
        Most pixels of a picture's side.

    Returns
    -------
    Data URI of each pair.
    """
    nearest = _nearest_views(inputs, pairs, looks)
    wanted: dict[str, list[Key]] = {}
    for query, model in pairs:
        wanted.setdefault(model, []).append((query, model))
    return dict(_read_views(inputs.views, wanted, nearest.__getitem__, side))


def _nearest_views(
    inputs: LibraryInputs, pairs: Sequence[Key], looks: Mapping[str, Descriptors]
) -> dict[Key, int]:
    models = sorted({model for _, model in pairs})
    views = read_rows(inputs.view_features, "view-features", models)
    lengths = np.linalg.norm(views, axis=2, keepdims=True)
    views = views / np.maximum(lengths, np.finfo(np.float32).tiny)
    of_model = dict(zip(models, views, strict=True))
    return {(q, m): int(np.argmax(of_model[m] @ looks[q])) for q, m in pairs}


def _read_views(
    shards: Sequence[Path],
    wanted: Mapping[str, Sequence[Key]],
    view_of: Callable[[Key], int],
    side: int,
) -> Iterator[tuple[Key, str]]:
    for path in shards:
        with open_shard(path, "views") as shard:
            for i, model in enumerate(shard.ids):
                for key in wanted.get(model, ()):
                    yield key, data_uri(shard.array[i, view_of(key)], side)
