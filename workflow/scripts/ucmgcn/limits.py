"""What one mesh or photo may cost; see `ucmgcn.worker`."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Limits:
    """What one mesh or photo may cost before it is rejected."""

    seconds: Annotated[float, Field(gt=0, description="time to read and draw one file")] = 600.0
    memory: Annotated[int, Field(ge=64, description="memory for one file, MiB")] = 8192
