"""Retrieval quality, speed and size of the encoders: docs/results/encoders.csv.

    python benchmarks/encoders.py quality MODELS IMAGES results/encoders [BACKBONE ...]
    python benchmarks/encoders.py speed IMAGES results/encoders [BACKBONE ...]
    python benchmarks/encoders.py table results/encoders

`quality` runs the pipeline once for each backbone, with the settings of `config.yaml` (three
seeds), in the folder of results, and keeps its table of metrics. Backbones that were measured
before are skipped. The features of a fusion are concatenated from those of its networks, if these
were run before, by the rule of `TorchEncoder`: encoding again would give the same. `speed` times
the encoders on decoded photos, as the features stage calls them. Its rounds are interleaved, so
that other load on the machine affects all alike: read the ratio to the first.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from ucmgcn.features.encoders.onnx_encoder import OnnxEncoder  # noqa: E402
from ucmgcn.features.encoders.spec import EncoderSpec  # noqa: E402
from ucmgcn.features.stage import load_inputs  # noqa: E402
from ucmgcn.files.shards import ShardWriter, open_shard, read_shards  # noqa: E402

LITE = [f"efficientnet-lite{i}" for i in range(3)]
BACKBONES = [
    *LITE,
    f"{LITE[0]}+{LITE[1]}",
    f"{LITE[0]}+{LITE[2]}",
    f"{LITE[1]}+{LITE[2]}",
    "+".join(LITE),
]
DATASET = "encoders-benchmark"
ROWS = {"max-pool": "inductive", "ucm-gcn": "transductive"}
SHOWN = ("NN", "FT", "mAP")


def quality(models: Path, images: Path, out: Path, backbones: list[str]) -> None:
    """Run the pipeline for each backbone that was not measured before."""
    for backbone in backbones:
        kept = out / f"{EncoderSpec(backbone).slug}.csv"
        if kept.is_file():
            print(f"{backbone}: measured before")
            continue
        run_pipeline(models, images, out, backbone, "encoder")
        if fuse(out / "results" / DATASET / "features", EncoderSpec(backbone)):
            run_pipeline(models, images, out, backbone, "features", "--touch")
        run_pipeline(models, images, out, backbone, "evaluate")
        results = out / "results" / DATASET
        shutil.copyfile(results / "tables" / "metrics.csv", kept)
        slug = EncoderSpec(backbone).slug
        shutil.copyfile(results / "features" / slug / "encoder.onnx", out / f"{slug}.onnx")


def fuse(features: Path, encoder: EncoderSpec) -> bool:
    """Write the shards of a fusion from the shards of its networks, if all of them are there."""
    parts = [features / EncoderSpec(member.sized).slug for member in encoder.members]
    if len(parts) == 1 or not all(part.is_dir() for part in parts):
        return False
    weights = np.array([member.weight for member in encoder.members])
    scales = np.sqrt(weights / weights.sum())
    for kind, folder in (("image-features", "images"), ("view-features", "views")):
        for first in sorted((parts[0] / folder).glob("shard-*.h5")):
            shards = [part / folder / first.name for part in parts]
            fuse_shards(shards, scales, features / encoder.slug / folder / first.name, kind)
    return True


def fuse_shards(shards: list[Path], scales: np.ndarray, out: Path, kind: str) -> None:
    """Concatenate unit features, each times its scale."""
    read = [read_shards([path], kind) for path in shards]
    ids = read[0][0]
    if any(other != ids for other, _, _ in read):
        raise SystemExit(f"{out.name}: the networks have features of different items")
    units = [rows / np.linalg.norm(rows, axis=-1, keepdims=True) for _, rows, _ in read]
    joined = np.concatenate([s * x for s, x in zip(scales, units, strict=True)], axis=-1)
    with open_shard(shards[0], kind) as shard:
        extra = {"cameras": shard.extra("cameras")} if kind == "view-features" else {}
    out.parent.mkdir(parents=True, exist_ok=True)
    facts = {"joined": [path.parts[-3] for path in shards]}
    with ShardWriter(out, kind, facts, "features", joined.shape[1:], "f4", extra=extra) as writer:
        writer.add_many(ids, joined.astype("f4"))


def run_pipeline(
    models: Path, images: Path, out: Path, backbone: str, target: str, *flags: str
) -> None:
    """Run the pipeline in `out` to a stage; views and features of earlier runs are kept."""
    command = ["snakemake", "-s", str(ROOT / "Snakefile"), "--directory", str(out)]
    command += ["--cores", str(os.cpu_count()), "--quiet", "all", "--config", f"dataset={DATASET}"]
    settings = [f"models={models.resolve()}", f"images={images.resolve()}"]
    features = f"features={{backbone: {backbone}}}"
    subprocess.run([*command, *settings, features, *flags, "--", target], check=True)


def speed(images: Path, out: Path, backbones: list[str], photos: int, rounds: int) -> None:
    """Time the exported encoders, and keep images/s of every round."""
    found = sorted(path for path in images.rglob("*") if path.is_file())
    chosen = found[:: max(1, len(found) // photos)][:photos]
    measured: dict[str, list[float]] = {backbone: [] for backbone in backbones}
    for _ in range(rounds):
        for backbone in backbones:
            measured[backbone].append(images_per_second(out, backbone, chosen))
    pd.DataFrame(measured).to_csv(out / "speed.csv", index=False)


def images_per_second(out: Path, backbone: str, photos: list[Path]) -> float:
    """Encode decoded photos with one core per batch, as the features stage does."""
    encoder = OnnxEncoder(out / f"{EncoderSpec(backbone).slug}.onnx")
    loaded = [load_inputs(path, encoder, "crop") for path in photos]
    arrays = [np.stack(images) for images in zip(*loaded, strict=True)]
    starts = range(0, len(photos), encoder.batch)
    batches = [[array[i : i + encoder.batch] for array in arrays] for i in starts]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda batch: encoder.encode(*batch), batches[:4]))
        start = time.perf_counter()
        list(pool.map(lambda batch: encoder.encode(*batch), batches))
        return len(photos) / (time.perf_counter() - start)


def table(out: Path, backbones: list[str]) -> None:
    """Write docs/results/encoders.csv from the measurements."""
    speeds = pd.read_csv(out / "speed.csv")
    lines = []
    for backbone in backbones:
        slug = EncoderSpec(backbone).slug
        metrics = pd.read_csv(out / f"{slug}.csv").set_index(["method", "protocol"])
        line = {"encoder": f"`{backbone}`"}
        for method, protocol in ROWS.items():
            row = metrics.loc[(method, protocol)]
            for metric in SHOWN:
                line[f"{method} {metric}"] = short(row[metric])
                line[f"{method} {metric} sd"] = short(row[f"{metric}_std"])
        line["images/s"] = f"{statistics.median(speeds[backbone]):.0f}"
        line["of the first"] = f"{statistics.median(speeds[backbone] / speeds[backbones[0]]):.2f}"
        line["MB"] = f"{(out / f'{slug}.onnx').stat().st_size / 1e6:.0f}"
        lines.append(line)
    pd.DataFrame(lines).to_csv(ROOT / "docs" / "results" / "encoders.csv", index=False)


def short(value: float) -> str:
    """Format with three decimals, without the leading zero; empty for a missing value."""
    return "" if pd.isna(value) else f"{value:.3f}".lstrip("0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=["quality", "speed", "table"])
    parser.add_argument("paths", nargs="+", help="as above: folders, then backbones")
    parser.add_argument("--photos", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folders = {"quality": 3, "speed": 2, "table": 1}[options.task]
    paths, backbones = options.paths[:folders], options.paths[folders:] or BACKBONES
    out = Path(paths[-1])
    out.mkdir(parents=True, exist_ok=True)
    if options.task == "quality":
        quality(Path(paths[0]), Path(paths[1]), out, backbones)
    elif options.task == "speed":
        speed(Path(paths[0]), out, backbones, options.photos, options.rounds)
    else:
        table(out, backbones)


if __name__ == "__main__":
    main()
