"""Two CSV files that list models and photos at any path.

Required columns: ``id`` and ``path``. Optional columns: ``category``, ``split`` (train, test, or
empty for both) and, for photos, ``model_id``. Other columns are kept. Relative paths start at the
folder of the CSV file.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from ucmgcn.core.errors import UserError
from ucmgcn.datasets.manifest import COLUMNS
from ucmgcn.datasets.source import Collector, Found, Source, missing

KNOWN = (*COLUMNS, "model_id")
SPLITS = ("", "train", "test")
LAYOUT = "the columns id and path; and as wanted category, split, model_id"
ORIGIN = "it is a file of yours"


def models(source: Source) -> Found:
    """List the models of the first CSV file.

    Raises
    ------
    UserError
        As `read`.
    """
    return read(source.models, "models")


def images(source: Source) -> Found:
    """List the photos of the second CSV file.

    Raises
    ------
    UserError
        As `read`.
    """
    return read(source.photos, "images")


def read(table: Path, role: str) -> Found:
    """List the files that a CSV file names; those that cannot be used are rejected.

    Raises
    ------
    UserError
        If the file is missing or lacks a column, or a row has an invalid id, path or split.
    """
    if not table.is_file():
        raise missing(table, role, LAYOUT, ORIGIN)
    found = Collector(Path("/"), anywhere=True)
    for line, row in _rows(table):
        _check(table, line, row)
        extra = {k: v for k, v in row.items() if k not in KNOWN}
        path = table.parent / row["path"]
        category, split, model = (row.get(k, "") for k in ("category", "split", "model_id"))
        found.add(row["id"], path, category, split, model, extra)
    return found.found


def _rows(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row with its line number."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            lacking = [name for name in ("id", "path") if name not in (reader.fieldnames or ())]
            if lacking:
                raise UserError(f"{table}: the header lacks the column {', '.join(lacking)}")
            for row in reader:
                if None in row or None in row.values():
                    raise UserError(
                        f"{table}: line {reader.line_num} has more or fewer values than the header"
                    )
                yield reader.line_num, row
    except (csv.Error, ValueError, OSError) as error:
        raise UserError(f"{table} cannot be read as CSV ({error})") from error


def _check(table: Path, line: int, row: dict[str, str]) -> None:
    if not row["id"]:
        raise UserError(f"{table}: line {line} has no id")
    if not row["path"]:
        raise UserError(f"{table}: line {line} ({row['id']}) has no path")
    if row.get("split", "") not in SPLITS:
        raise UserError(
            f"{table}: line {line} ({row['id']}): split is {row['split']!r}; "
            f"it may be train, test or empty (both)"
        )
