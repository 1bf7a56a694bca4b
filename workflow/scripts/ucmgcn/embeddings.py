"""Embedding files: what a method made of every photo and model, under both protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from ucmgcn.store import atomic_path

Rows = npt.NDArray[np.float32]


def write_embeddings(
    path: Path,
    photos: Sequence[str],
    models: Sequence[str],
    rows: Mapping[str, tuple[Rows, Rows]],
    labelled: npt.NDArray[np.bool_] | None = None,
) -> None:
    """Write an HDF5 file with the groups ``photo`` and ``model``.

    Parameters
    ----------
    photos, models
        Ids of the n photos and m models.
    rows
        For each protocol the unit vectors of photos (n, d) and models (m, d), compared by cosine.
    labelled
        Mask of the photos whose labels were used, shape (n,): they must not be queries.
    """
    with atomic_path(path) as partial, h5py.File(partial, "w") as file:
        for index, (kind, ids) in enumerate((("photo", photos), ("model", models))):
            group = file.create_group(kind)
            group.create_dataset("id", data=list(ids), dtype=h5py.string_dtype())
            for protocol, values in rows.items():
                group.create_dataset(protocol, data=values[index].astype(np.float32))
        if labelled is not None:
            file["photo"].create_dataset("labelled", data=labelled)


def beside(blocks: Sequence[Rows]) -> Rows:
    """Join the galleries of several folds, each (m, d) of unit vectors, to (m, folds d)."""
    return np.concatenate(blocks, axis=1) / np.float32(np.sqrt(len(blocks)))


def in_block(rows: Rows, fold: int, widths: Sequence[int]) -> Rows:
    """Place queries (n, d) in their fold's block of (n, sum of widths), zero elsewhere.

    Their inner product with what `beside` joined is the cosine within that fold's gallery alone,
    up to a constant factor.
    """
    out = np.zeros((len(rows), sum(widths)), dtype=np.float32)
    start = sum(widths[:fold])
    out[:, start : start + rows.shape[1]] = rows
    return out
