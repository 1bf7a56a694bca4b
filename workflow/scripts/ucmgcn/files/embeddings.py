"""Embedding files: the embeddings of photos and models under some protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from ucmgcn.core.arrays import Descriptors, Features, Ints
from ucmgcn.core.errors import UserError
from ucmgcn.files.digest import intact, sealed_path

NOT_KNOWN = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Embedded:
    """Embeddings under one protocol, compared by cosine similarity.

    Attributes
    ----------
    photos, models
        Unit vectors, shapes (n, d) and (m, d). A photo that was not asked for is zero.
    widths
        Number of columns per fold. With several folds, a photo is zero outside its own columns.
    seen
        For each photo, of how many photos the space, graph and weights that embedded it were made,
        shape (n,); empty if it is not known.
    """

    photos: Features
    models: Features
    widths: Sequence[int]
    seen: Ints = field(default_factory=lambda: NOT_KNOWN)


def write_embeddings(
    path: Path,
    photos: Sequence[str],
    models: Sequence[str],
    protocols: Mapping[str, Embedded],
    context: npt.NDArray[np.bool_],
) -> None:
    """Write an HDF5 file with the groups ``photo``, ``model`` and ``seen``.

    Parameters
    ----------
    photos, models
        Ids of the n photos and m models.
    protocols
        Their embeddings under each protocol.
    context
        Mask of the photos that were trained on under both protocols, shape (n,); they must not
        be queries.
    """
    with sealed_path(path) as partial, h5py.File(partial, "w") as file:
        for kind, ids in (("photo", photos), ("model", models)):
            group = file.create_group(kind)
            group.create_dataset("id", data=list(ids), dtype=h5py.string_dtype())
            for protocol, embedded in protocols.items():
                rows = embedded.photos if kind == "photo" else embedded.models
                data = group.create_dataset(protocol, data=rows.astype(np.float32))
                data.attrs["widths"] = embedded.widths
        for protocol, embedded in protocols.items():
            file.create_dataset(f"seen/{protocol}", data=embedded.seen)
        file["photo"].create_dataset("context", data=context)


def beside(blocks: Sequence[Features]) -> Features:
    """Concatenate the galleries of several folds, unit vectors (m, d) each, to (m, folds d)."""
    return np.concatenate(blocks, axis=1) / np.float32(np.sqrt(len(blocks)))


def in_block(rows: Features, fold: int, widths: Sequence[int]) -> Features:
    """Place queries (n, d) in their fold's columns of (n, sum of widths), zero elsewhere.

    The inner product with the output of `beside` is the cosine within that fold's gallery, up to
    a constant factor and rounding. `ranking.FoldScorer` computes the exact cosine.
    """
    out = np.zeros((len(rows), sum(widths)), dtype=np.float32)
    start = sum(widths[:fold])
    out[:, start : start + rows.shape[1]] = rows
    return out


def read_embeddings(path: Path, group: str, protocol: str, ids: Sequence[str]) -> Descriptors:
    """Read the rows of `embeddings.h5` for the given ids.

    Parameters
    ----------
    group, protocol
        ``"photo"`` or ``"model"``; a name of `protocols_in`.

    Raises
    ------
    UserError
        If the file is not an embedding file, lacks an id, or holds a value that is not finite.
    """
    try:
        with h5py.File(intact(path), "r") as file:
            held = [str(i) for i in file[group]["id"].asstr()[:]]
            rows: Descriptors = file[group][protocol][:]
    except (OSError, KeyError) as error:
        raise UserError(
            f"{path}: no embeddings {group}/{protocol} ({error}). Delete it and train again"
        ) from error
    position = {id: i for i, id in enumerate(held)}
    missing = [id for id in ids if id not in position]
    if missing:
        raise UserError(
            f"{path}: {len(missing)} of {len(ids)} {group} ids are missing, first {missing[0]!r}. "
            f"It was made from other features; delete it and train again"
        )
    rows = rows[[position[id] for id in ids]]
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        bad = ids[int(np.argmin(finite))]
        raise UserError(f"{path}: the {protocol} embedding of {group} {bad!r} is not finite")
    return rows


def protocols_in(path: Path) -> list[str]:
    """List the protocols of a file, with those of several draws as ``name/draw``."""
    names: list[str] = []

    def collect(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            names.append(name)

    with h5py.File(intact(path), "r") as file:
        if "seen" in file:
            file["seen"].visititems(collect)
    return names


def asked_photos(path: Path, protocol: str) -> set[str]:
    """Read the ids of the photos that have an embedding under a protocol."""
    with h5py.File(intact(path), "r") as file:
        ids, rows = file["photo"]["id"].asstr()[:], file["photo"][protocol][:]
    return {str(id) for id in ids[rows.any(axis=1)]}


def read_seen(path: Path, protocol: str, queries: Sequence[str]) -> float | None:
    """Read of how many photos the queries' embeddings were made, on average; None if not known."""
    with h5py.File(intact(path), "r") as file:
        ids, counts = file["photo"]["id"].asstr()[:], file.get(f"seen/{protocol}", NOT_KNOWN)[:]
    held = dict(zip(ids, counts, strict=False))
    known = [int(held[query]) for query in queries if query in held]
    return float(np.mean(known)) if known else None


def check_unseen(path: Path, queries: Sequence[str]) -> None:
    """Check that no query was a context photo when `embeddings.h5` was made.

    Raises
    ------
    UserError
        If one was: the network was trained on it.
    """
    with h5py.File(intact(path), "r") as file:
        ids, context = file["photo"]["id"].asstr()[:], file["photo"]["context"][:]
    trained_on = {str(id) for id in ids[context]}
    known = next((id for id in queries if id in trained_on), None)
    if known is not None:
        raise UserError(
            f"{path}: photo {known!r} is a query now, but was trained on as context or with its "
            "label. Delete the file and train again"
        )


def embedding_widths(path: Path, protocol: str) -> Sequence[int]:
    """Number of columns per fold in the embeddings under a protocol."""
    with h5py.File(intact(path), "r") as file:
        data = file["model"][protocol]
        return [int(width) for width in data.attrs.get("widths", data.shape[1:])]
