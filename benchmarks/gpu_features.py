"""Images a second of the encoder and of the features stage, GPU against CPU; called by gpu.sh."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import click
import numpy as np
from gpu_measuring import DEVICE, Row, forget_peak, one_time, peak, save, seconds, times

from ucmgcn.core.arrays import Features, Images
from ucmgcn.features.encoders.encoder import Encoder
from ucmgcn.features.encoders.onnx_encoder import OnnxEncoder
from ucmgcn.features.encoders.spec import EncoderSpec
from ucmgcn.features.encoders.torch_encoder import TorchEncoder, export_onnx
from ucmgcn.features.stage import extract_image_features, load_inputs
from ucmgcn.settings import FeaturesConfig

CONFIG = FeaturesConfig()
CORES = len(os.sched_getaffinity(0))
BATCHES = (64, 256)


@click.command(help=__doc__)
@click.argument("photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--images", default=4_096, show_default=True)
def main(photos: Path, out: Path, images: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        export_onnx(EncoderSpec(), folder / "encoder.onnx")
        cpu = OnnxEncoder(folder / "encoder.onnx")
        files = sorted(path for path in photos.rglob("*") if path.is_file())
        pixels = np.stack([load_inputs(path, cpu, CONFIG.resize)[0] for path in files])
        many = np.stack(list(islice(cycle(pixels), images)))
        rows, facts = encoders(cpu, many, pixels)
        save(out, rows, **facts)
        paths = list(islice(cycle(files), images // 2))
        save(out, [*rows, stages(cpu, paths, folder)], **facts)


def encoders(cpu: OnnxEncoder, many: Images, once: Images) -> tuple[list[Row], dict[str, float]]:
    """Compare the encoders on images in memory: their speed, and the features of `once`."""
    slow = len(many) / one_time(partial(side_by_side, cpu, many))
    rows, facts = [], {"cpu_images_per_second": slow}
    for batch in BATCHES:
        gpu = TorchEncoder(EncoderSpec(), DEVICE, batch)
        forget_peak()
        fast = len(many) / seconds(partial(gpu.encode, many))
        memory, least = peak(), least_cosine(gpu.encode(once), side_by_side(cpu, once))
        facts |= {f"images_per_second_{batch}": fast, f"gib_{batch}": memory, "cosine": least}
        rows.append(
            Row(
                f"encoder, batches of {batch}",
                f"{fast:,.0f} images/s, {memory:.2f} GiB",
                f"{slow:,.0f} images/s on {CORES} cores",
                times(1 / fast, 1 / slow),
                f"cosine {least:.6f} at least, of {len(once)} photos",
            )
        )
    return rows, facts


def side_by_side(encoder: OnnxEncoder, images: Images) -> Features:
    """Encode on all cores, a batch a core, as the stage does."""
    parts = [images[i : i + encoder.batch] for i in range(0, len(images), encoder.batch)]
    with ThreadPoolExecutor(CORES) as pool:
        return np.concatenate(list(pool.map(encoder.encode, parts)))


def least_cosine(ours: Features, theirs: Features) -> float:
    """Return the least cosine of two features of one photo."""
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    return float(((ours * theirs).sum(axis=1) / norms).min())


def stages(cpu: Encoder, paths: list[Path], folder: Path) -> Row:
    """Compare the whole stage: reading, decoding, encoding and writing."""
    rows = [(f"{number}", path) for number, path in enumerate(paths)]
    taken = {}
    for name, encoder in (("gpu", TorchEncoder(EncoderSpec(), DEVICE)), ("cpu", cpu)):
        shard = folder / f"{name}.h5"
        taken[name] = one_time(
            partial(extract_image_features, rows, shard, encoder, CONFIG, {}, CORES)
        )
    gpu, slow = (f"{len(rows) / taken[name]:,.0f} photos/s" for name in ("gpu", "cpu"))
    return Row(f"features of {len(rows):,} photos, the stage", gpu, slow, times(*taken.values()))


if __name__ == "__main__":
    main()
