"""Speed and memory of the features stage, against torch and against ONNX Runtime alone.

    PYTHONPATH=workflow/scripts python benchmarks/features_speed.py FOLDER_OF_PHOTOS

Every contender runs in a process of its own, and the rounds are interleaved, so that what else the
machine does strikes all alike: read the ratios.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ucmgcn.encoders import EncoderSpec, open_encoder
from ucmgcn.encoders.onnx_encoder import OnnxEncoder
from ucmgcn.features import FeaturesConfig, extract_image_features
from ucmgcn.images import load_photo

CONFIG = FeaturesConfig()
SPEC = CONFIG.encoder
EAGER_BATCH = 32


def stage(photos: Sequence[Path], onnx: Path, threads: int) -> float:
    """Measure the whole stage: read, decode, encode, and write the shard."""
    encoder = open_encoder(SPEC, "cpu", onnx)
    rows = [(str(path), path) for path in photos]
    extract_image_features(rows[:16], onnx.with_name("warm.h5"), encoder, CONFIG, {}, threads)
    start = time.perf_counter()
    extract_image_features(rows, onnx.with_name("out.h5"), encoder, CONFIG, {}, threads)
    return time.perf_counter() - start


def decode_alone(photos: Sequence[Path], onnx: Path, threads: int) -> float:
    """Measure reading and decoding, without an encoder."""
    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda path: load_photo(path, SPEC.size, CONFIG.resize), photos))
    return time.perf_counter() - start


def onnx_side_by_side(photos: Sequence[Path], onnx: Path, threads: int) -> float:
    """Measure the encoder on decoded photos, a core a batch, as the stage calls it."""
    return _ready(photos, OnnxEncoder(onnx), threads)


def onnx_all_cores(photos: Sequence[Path], onnx: Path, threads: int) -> float:
    """Measure ONNX Runtime on decoded photos, all cores a batch, as it runs by default."""
    return _ready(photos, OnnxEncoder(onnx, EAGER_BATCH, threads), 1)


def torch_eager(photos: Sequence[Path], onnx: Path, threads: int) -> float:
    """Measure decode, then torch eager, batch by batch."""
    import torch

    from ucmgcn.encoders.torch_encoder import Network

    torch.set_num_threads(threads)
    network = Network(SPEC).eval()

    def run(paths: Sequence[Path]) -> None:
        for start in range(0, len(paths), EAGER_BATCH):
            with torch.inference_mode():
                network(torch.from_numpy(_load(paths[start : start + EAGER_BATCH])))

    run(photos[:EAGER_BATCH])
    start = time.perf_counter()
    run(photos)
    return time.perf_counter() - start


def _load(photos: Sequence[Path]) -> np.ndarray:
    return np.stack([load_photo(path, SPEC.size, CONFIG.resize) for path in photos])


def _ready(photos: Sequence[Path], encoder: OnnxEncoder, workers: int) -> float:
    images = _load(photos)
    size = encoder.batch
    parts = [images[i : i + size] for i in range(0, len(images), size)]
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(encoder.encode, parts[:workers]))
        start = time.perf_counter()
        list(pool.map(encoder.encode, parts))
        return time.perf_counter() - start


Contender = Callable[[Sequence[Path], Path, int], float]
CONTENDERS: tuple[Contender, ...] = (
    stage,
    onnx_side_by_side,
    onnx_all_cores,
    torch_eager,
    decode_alone,
)


def export(onnx: Path) -> None:
    from ucmgcn.encoders.torch_encoder import export_onnx

    export_onnx(EncoderSpec(), onnx)


def measure(
    contender: Contender, photos: Sequence[Path], onnx: Path, threads: int
) -> tuple[float, float]:
    """Return images/s, and the peak of the process's memory in MiB."""
    seconds = contender(photos, onnx, threads)
    return len(photos) / seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_new_process(function: Callable, *arguments: object) -> object:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    found = sorted(p for p in options.folder.rglob("*") if p.is_file())
    photos = found[:: max(1, len(found) // options.photos)]
    results: dict[str, list[tuple[float, float]]] = {c.__name__: [] for c in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        onnx = Path(folder) / "encoder.onnx"
        in_new_process(export, onnx)
        for _ in range(options.rounds):
            for contender in CONTENDERS:
                result = in_new_process(measure, contender, photos, onnx, options.threads)
                results[contender.__name__].append(result)
    report(results)


def report(results: dict[str, list[tuple[float, float]]]) -> None:
    speeds = {name: [speed for speed, _ in rounds] for name, rounds in results.items()}
    print(f"{'contender':<20}{'images/s':>10}{'stage is':>12}{'peak MiB':>10}")
    for name, rounds in results.items():
        ratios = [a / b for a, b in zip(speeds["stage"], speeds[name], strict=True)]
        print(
            f"{name:<20}{statistics.median(speeds[name]):>10.1f}"
            f"{statistics.median(ratios):>11.2f}x{max(peak for _, peak in rounds):>10.0f}"
        )


if __name__ == "__main__":
    main()
