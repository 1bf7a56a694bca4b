"""Array types by dtype; docstrings give the shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Descriptors = npt.NDArray[np.floating[Any]]  # any precision
Features = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Images = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float32]
