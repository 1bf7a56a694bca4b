"""Names of array types."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.floating[Any]]
Scores = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Points = npt.NDArray[np.float64]
