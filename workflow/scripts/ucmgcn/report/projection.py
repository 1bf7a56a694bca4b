"""Maps of the features before the graph, and of the embeddings after it, in the plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from ucmgcn.core.arrays import Features, Floats
from ucmgcn.files.digest import intact
from ucmgcn.files.embeddings import read_embeddings
from ucmgcn.files.rows import read_rows
from ucmgcn.report.inputs import LibraryInputs

MAX_OF_EACH = 1000
COMPONENTS = 50
PERPLEXITY = 30.0
ITERATIONS = 500
FEWEST = 8


@dataclass(frozen=True)
class Maps:
    """Photos and models in the plane, by their descriptors and by their embeddings.

    Attributes
    ----------
    photos, models
        Ids of the n photos and m models that are drawn.
    n_photos, n_models
        Number of all photos and models.
    before, after
        Positions of the photos, then the models; shape (n + m, 2).
    """

    photos: list[str]
    models: list[str]
    n_photos: int
    n_models: int
    before: Floats
    after: Floats


def project_embeddings(inputs: LibraryInputs, limit: int = MAX_OF_EACH, threads: int = 1) -> Maps:
    """Project descriptors (models: maximum over views) and transductive embeddings.

    Parameters
    ----------
    limit
        Maximum number of photos, and of models, to draw: a fixed random sample.
    threads
        With two, both maps are computed in parallel.
    """
    path = inputs.embeddings[0]
    held = embedded_ids(path)
    photos, models = (_sample(held[group], limit) for group in ("photo", "model"))
    views = read_rows(inputs.view_features, "view-features", models, lambda v: v.max(axis=1))
    before = [views]
    if photos:
        before.insert(0, read_rows(inputs.image_features, "image-features", photos))
    after = [
        read_embeddings(path, group, "transductive", ids)
        for group, ids in (("photo", photos), ("model", models))
    ]
    counts = len(held["photo"]), len(held["model"])
    # One thread per map: the order of sums stays the same, and cores are not oversubscribed.
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        return Maps(photos, models, *counts, *pool.map(_of_both, (before, after)))


def project(rows: npt.NDArray[np.floating]) -> Floats:
    """Project rows onto the plane by t-SNE of their principal components.

    Parameters
    ----------
    rows
        Shape (n, d). Fewer than eight rows are placed by their first two principal components.

    Returns
    -------
    Positions of shape (n, 2), the same for the same rows.

    References
    ----------
    L. van der Maaten, G. Hinton, Visualizing data using t-SNE, JMLR 9, 2008.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if np.ptp(rows, axis=0).max(initial=0.0) == 0.0:
        return np.zeros((len(rows), 2))
    n_components = min(COMPONENTS, *rows.shape)
    reduced = PCA(n_components, svd_solver="full").fit_transform(rows)
    if len(rows) < FEWEST:
        return np.pad(reduced, ((0, 0), (0, 1)))[:, :2].astype(np.float64)
    tsne = TSNE(
        init="pca" if n_components > 1 else "random",
        perplexity=min(PERPLEXITY, (len(rows) - 1) / 3),
        max_iter=ITERATIONS,
        random_state=0,
    )
    return np.asarray(tsne.fit_transform(reduced), dtype=np.float64)


def _of_both(parts: Sequence[Features]) -> Floats:
    rows = np.concatenate(parts)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return project(rows / np.maximum(norms, np.finfo(np.float32).tiny))


def embedded_ids(path: Path) -> Mapping[str, list[str]]:
    """Ids in a file of embeddings: of the ``photo`` and of the ``model`` nodes."""
    with h5py.File(intact(path), "r") as file:
        return {
            group: [str(i) for i in file[group]["id"].asstr()[:]] for group in ("photo", "model")
        }


def _sample(ids: list[str], limit: int) -> list[str]:
    if len(ids) <= limit:
        return ids
    chosen = np.random.default_rng(0).choice(len(ids), limit, replace=False)
    return [ids[i] for i in np.sort(chosen)]
