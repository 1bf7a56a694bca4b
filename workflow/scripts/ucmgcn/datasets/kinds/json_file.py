"""JSON files of data sets: lists of records, read with text values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ucmgcn.core.errors import UserError


def read_records(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    """Read a list of flat records; ``null`` becomes ``""``, nested values are dropped.

    Raises
    ------
    UserError
        If the file is not a JSON list of records with the needed keys.
    """
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as JSON ({error}). Download it again") from error
    if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
        raise UserError(f"{path} should be a list of records with {', '.join(needed)}")
    texts = [_text(record) for record in records]
    for number, record in enumerate(texts, 1):
        lacking = [key for key in needed if not record.get(key)]
        if lacking:
            raise UserError(f"{path}: record {number} lacks {', '.join(lacking)}")
    return texts


def _text(record: dict[str, Any]) -> dict[str, str]:
    flat = (str, int, float, type(None))
    return {k: "" if v is None else str(v) for k, v in record.items() if isinstance(v, flat)}
