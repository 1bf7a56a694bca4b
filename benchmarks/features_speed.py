"""Speed and memory of the features stage, against torch and against ONNX Runtime alone.

    python benchmarks/features_speed.py FOLDER_OF_PHOTOS
    python benchmarks/features_speed.py FOLDER_OF_PHOTOS --photos 1139 --views SHARD

With --views, the rendered views of one shard of a finished run are encoded too, and compared with
ONNX Runtime alone.

Every contender runs in its own process, and the rounds are interleaved, so that other load on the
machine affects all alike: read the ratios, which are medians over the rounds. Ratios of CPU time
are disturbed least. Starting the processes that read the photos counts; its share is larger for
fewer photos.
"""

from __future__ import annotations

import math
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import numpy as np
import onnxruntime as ort
from measuring import Measured, Row, in_new_process, measured, record

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))


from ucmgcn.core.arrays import Images
from ucmgcn.features.encoders.onnx_encoder import OnnxEncoder
from ucmgcn.features.encoders.open import open_encoder
from ucmgcn.features.encoders.spec import EncoderSpec, encoder_spec
from ucmgcn.features.stage import extract_image_features, extract_view_features, load_inputs
from ucmgcn.files.shards import open_shard, read_shards
from ucmgcn.settings import FeaturesConfig

CONFIG = FeaturesConfig()
SPEC = encoder_spec(CONFIG)
EAGER_BATCH = 32
EXACT = 0.9999


def stage(photos: Sequence[Path], onnx: Path, threads: int) -> Measured:
    """Measure the whole stage: read, decode, encode, and write the shard."""
    encoder = open_encoder(SPEC, "cpu", onnx)
    rows = [(str(path), path) for path in photos]
    extract_image_features(rows[:16], onnx.with_name("warm.h5"), encoder, CONFIG, {}, threads)
    onnx.with_name("out.h5").unlink(missing_ok=True)  # the stage would reuse its features
    with measured("stage") as taken:
        extract_image_features(rows, onnx.with_name("out.h5"), encoder, CONFIG, {}, threads)
    return taken


def view_stage(shards: Sequence[Path], onnx: Path, threads: int) -> Measured:
    """Measure the whole stage for rendered views: read a shard, encode, and write a shard."""
    encoder = open_encoder(SPEC, "cpu", onnx)
    onnx.with_name("out.h5").unlink(missing_ok=True)
    with measured("view_stage") as taken:
        extract_view_features(shards[0], onnx.with_name("out.h5"), encoder, CONFIG, {}, threads)
    return taken


def views_side_by_side(shards: Sequence[Path], onnx: Path, threads: int) -> Measured:
    """Measure the encoder on views in memory, one core per batch."""
    with open_shard(shards[0], "views") as views:
        images = views.array[:]
    return _encode(images.reshape(-1, *images.shape[2:]), OnnxEncoder(onnx), threads)


def decode_alone(photos: Sequence[Path], onnx: Path, threads: int) -> Measured:
    """Measure reading and decoding, without an encoder."""
    encoder = OnnxEncoder(onnx)
    with measured("decode_alone") as taken, ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda path: load_inputs(path, encoder, CONFIG.resize), photos))
    return taken


def onnx_side_by_side(photos: Sequence[Path], onnx: Path, threads: int) -> Measured:
    """Measure the encoder on ready tensors, one core per batch, as the stage calls it."""
    return _encode(_load(photos, onnx), OnnxEncoder(onnx), threads)


def onnx_all_cores(photos: Sequence[Path], onnx: Path, threads: int) -> Measured:
    """Measure ONNX Runtime on ready tensors, all cores on each batch, its default."""
    images = _load(photos, onnx)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(str(onnx), options, providers=["CPUExecutionProvider"])
    session.run(None, {"images0": images[:EAGER_BATCH]})
    with measured("onnx_all_cores") as taken:
        for i in range(0, len(images), EAGER_BATCH):
            session.run(None, {"images0": images[i : i + EAGER_BATCH]})
    return taken


def torch_eager(photos: Sequence[Path], onnx: Path, threads: int) -> Measured:
    """Measure decoding and torch eager, batch by batch."""
    run = _eager(onnx, threads)
    run(photos[:EAGER_BATCH])
    with measured("torch_eager") as taken:
        run(photos)
    return taken


def _eager(onnx: Path, threads: int) -> Callable[[Sequence[Path]], np.ndarray]:
    import torch

    from ucmgcn.features.encoders.torch_encoder import Fusion

    torch.set_num_threads(threads)
    network = Fusion(SPEC).eval()

    def run(paths: Sequence[Path]) -> np.ndarray:
        found = []
        for start in range(0, len(paths), EAGER_BATCH):
            with torch.inference_mode():
                images = torch.from_numpy(_load(paths[start : start + EAGER_BATCH], onnx))
                found.append(network(images).numpy())
        return np.concatenate(found)

    return run


def _load(photos: Sequence[Path], onnx: Path) -> np.ndarray:
    encoder = OnnxEncoder(onnx)
    return np.stack([load_inputs(path, encoder, CONFIG.resize)[0] for path in photos])


def _encode(images: Images, encoder: OnnxEncoder, workers: int) -> Measured:
    size = encoder.batch
    parts = [images[i : i + size] for i in range(0, len(images), size)]
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(encoder.encode, parts[:workers]))
        with measured("onnx_side_by_side") as taken:
            list(pool.map(encoder.encode, parts))
    return taken


Contender = Callable[[Sequence[Path], Path, int], Measured]
CONTENDERS: tuple[Contender, ...] = (
    stage,
    onnx_side_by_side,
    onnx_all_cores,
    torch_eager,
    decode_alone,
)
OF_VIEWS: tuple[Contender, ...] = (view_stage, views_side_by_side)
FORMS = {
    "onnx_all_cores": "on all cores, its default",
    "onnx_side_by_side": "a core a batch, its fastest",
    "views_side_by_side": "a core a batch, its fastest",
}


def export(onnx: Path) -> None:
    from ucmgcn.features.encoders.torch_encoder import export_onnx

    export_onnx(EncoderSpec(), onnx)


def least_cosine(photos: Sequence[Path], onnx: Path, threads: int) -> float:
    """Return the least cosine between the features of the stage and of torch eager."""
    ids, ours, _ = read_shards([onnx.with_name("out.h5")], "image-features")
    theirs = _eager(onnx, threads)([Path(id) for id in ids])
    norms = [np.linalg.norm(rows, axis=1) for rows in (ours, theirs)]
    return float(((ours * theirs).sum(axis=1) / norms[0] / norms[1]).min())


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--photos", default=256, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--threads", default=os.cpu_count(), show_default=True)
@click.option("--views", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(folder: Path, photos: int, rounds: int, threads: int, views: Path | None) -> None:
    found = sorted(p for p in folder.rglob("*") if p.is_file())
    chosen = found[:: max(1, len(found) // photos)][:photos]
    with tempfile.TemporaryDirectory() as scratch:
        onnx = Path(scratch) / "encoder.onnx"
        in_new_process(export, onnx)
        results = race(CONTENDERS, chosen, onnx, threads, rounds)
        rows = report(f"features of {len(chosen)} photos", len(chosen), results)
        cosine = in_new_process(least_cosine, chosen, onnx, threads)
        exact = cosine >= EXACT
        rows.append(Row("features", "cosine to torch", f"{cosine:.6f} at least", f"{EXACT}", exact))
        if views:
            with open_shard(views, "views") as shard:
                count = math.prod(shard.array.shape[:2])
            results = race(OF_VIEWS, [views], onnx, threads, rounds)
            rows += report(f"features of {count} views", count, results)
    record(Path(__file__).stem, rows)


def race(
    contenders: Sequence[Contender], files: Sequence[Path], onnx: Path, threads: int, rounds: int
) -> dict[str, list[Measured]]:
    """Measure the contenders in turn, in each round; the first is the stage."""
    results: dict[str, list[Measured]] = {c.__name__: [] for c in contenders}
    for _ in range(rounds):
        for contender in contenders:
            result = in_new_process(contender, files, onnx, threads)
            results[contender.__name__].append(result)
    return results


def report(part: str, images: int, results: dict[str, list[Measured]]) -> list[Row]:
    """Print the speeds, and return rows of the ratios."""
    wall, busy = ratios(results, "seconds"), ratios(results, "cpu")
    print(f"{'contender':<20}{'images/s':>10}{'stage is':>10}{'by CPU time':>13}{'peak MiB':>10}")
    for name, rounds in results.items():
        speed = images / statistics.median(taken.seconds for taken in rounds)
        memory = 1024 * max(taken.peak for taken in rounds)
        print(f"{name:<20}{speed:>10.1f}{wall[name]:>9.2f}x{busy[name]:>12.2f}x{memory:>10.0f}")
    rows = [share(part, name, wall, busy) for name in FORMS if name in results]
    if "torch_eager" in wall:
        eager = wall["torch_eager"]
        rows.append(Row(part, "torch eager, batch 32", f"{eager:.1f}x", "5x", eager >= 5))
    return rows


def ratios(results: dict[str, list[Measured]], field: str) -> dict[str, float]:
    """Compute how many times as fast as each contender the stage is: median over the rounds."""
    taken = {name: [getattr(one, field) for one in rounds] for name, rounds in results.items()}
    stage = next(iter(taken.values()))
    return {
        name: statistics.median(b / a for a, b in zip(stage, rounds, strict=True))
        for name, rounds in taken.items()
    }


def share(part: str, name: str, wall: dict[str, float], busy: dict[str, float]) -> Row:
    """Make the row of the stage's speed relative to ONNX Runtime alone."""
    against = f"ONNX Runtime on ready tensors, {FORMS[name]}"
    reached = f"{100 * wall[name]:.0f} %, by processor time {100 * busy[name]:.0f} %"
    return Row(part, against, reached, "85 %", wall[name] >= 0.85)


if __name__ == "__main__":
    main()
