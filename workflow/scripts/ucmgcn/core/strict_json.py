"""JSON as the standard has it."""

from __future__ import annotations

import json
from typing import Any


def to_json(value: Any) -> str:
    """Write a value as indented JSON, with a line break at its end.

    Raises
    ------
    ValueError
        If it holds a number that is not finite, which JSON has no word for: readers other than
        Python's refuse ``NaN``.
    """
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
