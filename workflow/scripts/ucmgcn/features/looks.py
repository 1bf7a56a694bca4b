"""Several looks at a photo, as one feature vector."""

from __future__ import annotations

import numpy as np

from ucmgcn.core.arrays import Features


def averaged(looks: Features) -> Features:
    """Average the L2-normalised features of looks, (n, looks, d) to (n, d).

    A single look stays as it is.
    """
    if looks.shape[1] == 1:
        return looks[:, 0]
    length = np.linalg.norm(looks, axis=2, keepdims=True)
    return np.asarray((looks / np.maximum(length, 1e-12)).mean(axis=1), dtype=np.float32)
