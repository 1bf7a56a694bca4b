"""The encoder on a CPU: ONNX Runtime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from ucmgcn.core.arrays import Features, Images
from ucmgcn.features.encoders.encoder import DEFAULT_BATCH, Input, check_images
from ucmgcn.files.digest import broken, intact

METADATA = "ucmgcn"  # key under which the export keeps the encoder's description


class OnnxEncoder:
    """An exported encoder, which runs each call on `threads` cores.

    Calls from several threads run in parallel. Many calls on one core each use the cores better
    than one call on all cores: no core waits for another at the end of each layer.

    Parameters
    ----------
    path
        File of `ucmgcn.features.encoders.torch_encoder.export_onnx`.
    batch
        Number of images encoded at a time, which bounds the memory.
    threads
        Number of cores for each call.

    Raises
    ------
    UserError
        If the file is not an exported encoder.
    """

    def __init__(self, path: Path, batch: int = DEFAULT_BATCH["cpu"], threads: int = 1) -> None:
        self.batch = batch
        path = intact(path)
        try:
            self._session = ort.InferenceSession(
                str(path), _options(threads), providers=["CPUExecutionProvider"]
            )
            described = self._session.get_modelmeta().custom_metadata_map[METADATA]
        # ONNX Runtime's errors have no common base class below Exception.
        except Exception as error:
            raise broken(path, f"not an exported encoder: {error}") from error
        self._description: dict[str, Any] = json.loads(described)
        self.inputs = tuple(Input(**given) for given in self._description["inputs"])

    @property
    def dim(self) -> int:
        """Length of a feature vector."""
        return int(self._description["dim"])

    def describe(self) -> dict[str, Any]:
        """Describe what a feature vector depends on, for provenance; JSON-serialisable."""
        return dict(self._description)

    def encode(self, *images: Images) -> Features:
        """Compute features (n, dim) of RGB images: one array (n, size, size, 3) per input."""
        check_images(images, self.inputs)
        features = np.empty((len(images[0]), self.dim), np.float32)
        for start in range(0, len(features), self.batch):
            chunk = slice(start, start + self.batch)
            feed = {f"images{i}": array[chunk] for i, array in enumerate(images)}
            (features[chunk],) = self._session.run(None, feed)
        return features


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # The highest level blocks the channels for the vector units: 2.6 times as fast.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    return options
