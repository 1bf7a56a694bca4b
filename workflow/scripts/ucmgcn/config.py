"""The configuration: every key, its default, its meaning and its limits.

`config.yaml` holds the same keys and defaults, and `workflow/schemas/config.schema.yaml` is the
JSON Schema made from this module; a test keeps the three in step.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from ucmgcn.errors import UserError

STRICT = ConfigDict(extra="forbid")

Positive = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, config=STRICT)
class DemoConfig:
    """The embedded demo set."""

    seed: Annotated[int, Field(ge=0, description="seed of all its shapes and photos")] = 0
    models_per_category: Annotated[int, Field(ge=1, description="gallery models a category")] = 10
    photos_per_category: Annotated[int, Field(ge=1, description="query photos a category")] = 12


@dataclass(frozen=True, config=STRICT)
class ShardsConfig:
    """How many files the items of a stage are spread over; the unit of work and of caching."""

    models: Annotated[int, Field(ge=1, le=999, description="shards of the models")] = 8
    images: Annotated[int, Field(ge=1, le=999, description="shards of the photos")] = 4
