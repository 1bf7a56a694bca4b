"""Export the embeddings of models for other systems: one vector a model, with its id."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ucmgcn.core.arrays import Features
from ucmgcn.core.errors import UserError
from ucmgcn.files.atomic import atomic_path
from ucmgcn.files.digest import intact
from ucmgcn.index.file import Model


def export_models(
    models: Sequence[Model], embeddings: Features, format: str, out: Path
) -> list[Path]:
    """Write the models' embeddings: unit vectors, to compare by the inner product.

    Row i of the vectors is row i of `models.csv` (id, category, path).

    Parameters
    ----------
    models
        The m models.
    embeddings
        Their embeddings, shape (m, e).
    format
        ``"npy"``: `models.npy`, float32 (m, e). ``"faiss"``: `models.faiss`, an exact index of the
        inner product. ``"parquet"``: `models.parquet`, columns id, category, path and embedding,
        a fixed-size list of float32; no `models.csv`.
    out
        Folder of the files.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    UserError
        If there is no such format.
    """
    if format not in EXPORT_FORMATS:
        known = ", ".join(EXPORT_FORMATS)
        raise UserError(f"there is no format {format!r} to export to; choose one of {known}")
    rows = np.ascontiguousarray(embeddings, dtype=np.float32)
    table = pd.DataFrame(
        [(model.id, model.category, str(model.path)) for model in models],
        columns=["id", "category", "path"],
    )
    if format == "parquet":
        return [_write_parquet(out / "models.parquet", table, rows)]
    with atomic_path(out / "models.csv") as partial:
        table.to_csv(partial, index=False)
    return [WRITERS[format](out / f"models.{format}", rows), out / "models.csv"]


def export_encoder(encoder: Path, out: Path) -> Path:
    """Copy the encoder to `encoder.onnx` of a folder; return the copy.

    It takes ``images0``, uint8 RGB of shape (n, size, size, 3), and returns ``features`` (n, d): a
    photo's embedding, once L2-normalised, and averaged over its looks if it was adapted.
    """
    with atomic_path(out / "encoder.onnx") as partial:
        shutil.copyfile(intact(encoder), partial)
    return out / "encoder.onnx"


def _write_npy(path: Path, rows: Features) -> Path:
    with atomic_path(path) as partial:
        np.save(partial, rows)
    return path


def _write_faiss(path: Path, rows: Features) -> Path:
    import faiss

    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    with atomic_path(path) as partial:
        faiss.write_index(index, str(partial))
    return path


def _write_parquet(path: Path, table: pd.DataFrame, rows: Features) -> Path:
    import pyarrow
    from pyarrow import parquet

    arrow = pyarrow.Table.from_pandas(table, preserve_index=False)
    vectors = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(rows.ravel()), rows.shape[1])
    with atomic_path(path) as partial:
        parquet.write_table(arrow.append_column("embedding", vectors), partial)
    return path


WRITERS: dict[str, Callable[[Path, Features], Path]] = {"npy": _write_npy, "faiss": _write_faiss}
EXPORT_FORMATS = ("faiss", "npy", "parquet")
