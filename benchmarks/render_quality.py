"""Whether the fast renders retrieve worse than pyrender's plain ones, from the same cameras.

    python benchmarks/render_quality.py RESULTS

RESULTS is the folder of a finished run of the pipeline in `results`, with default settings. The
plain renders of `render_speed.py`, from the same cameras, are encoded by the same encoder; then
`max-pool` is measured on both. The features of the photos and of our views are the run's.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click
import numpy as np
import pandas as pd
from measuring import Row, record
from render_speed import CONFIG, plain_views

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from ucmgcn.evaluate.assess import RetrievalTask, assess
from ucmgcn.evaluate.metrics import summarise
from ucmgcn.evaluate.ranking import EmbeddingScorer
from ucmgcn.features.encoders.open import open_encoder
from ucmgcn.features.encoders.spec import encoder_spec
from ucmgcn.features.stage import extract_view_features
from ucmgcn.files.shards import ShardWriter, open_shard, read_shards
from ucmgcn.render.stage import positions_of
from ucmgcn.settings import FeaturesConfig

LOSS = 0.005
SHOWN = ("NN", "FT", "mAP")


@click.command(help=__doc__)
@click.argument("results", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--processes", default=os.cpu_count(), show_default=True)
def main(results: Path, processes: int) -> None:
    features = next((results / "features").iterdir())
    shards = sorted((features / "views").glob("*.h5"))
    with open_shard(shards[0], "view-features") as shard:
        if not np.allclose(shard.extra("cameras"), positions_of(CONFIG)):
            raise click.ClickException(f"{results}: rendered from other cameras than the default")
    models, ours, _ = read_shards(shards, "view-features")
    photos, queries, _ = read_shards(sorted((features / "images").glob("*.h5")), "image-features")
    gallery, images = rows(results, "models", models), rows(results, "images", photos)
    plain = plain_features(gallery["path"], features / "encoder.onnx", processes)
    task = RetrievalTask(photos, models, images["category"].tolist(), gallery["category"].tolist())
    found = {
        name: max_pool(task, queries, views) for name, views in (("plain", plain), ("ours", ours))
    }
    print(pd.DataFrame(found).to_string(float_format="%.4f"))
    gain = found["ours"]["FT"] - found["plain"]["FT"]
    reached = f"{found['ours']['FT']:.3f} against {found['plain']['FT']:.3f} ({gain:+.3f})"
    row = Row("render: FT of max-pool", "plain renders", reached, f"-{LOSS} at most", gain >= -LOSS)
    record(Path(__file__).stem, [row])


def rows(results: Path, role: str, ids: list[str]) -> pd.DataFrame:
    """Read the rows of a manifest in the order of the ids."""
    frame = pd.read_csv(results / "manifest" / f"{role}.csv", dtype=str, keep_default_na=False)
    return frame.set_index("id").loc[ids]


def plain_features(paths: pd.Series, onnx: Path, processes: int) -> np.ndarray:
    """Render plainly and encode, in parallel processes; return features in the order of the ids."""
    files = list(paths.items())
    parts = [files[number::processes] for number in range(processes)]
    with (
        tempfile.TemporaryDirectory() as scratch,
        ProcessPoolExecutor(processes, get_context("spawn")) as pool,
    ):
        out = [Path(scratch) / f"{number}.h5" for number in range(processes)]
        list(pool.map(describe, parts, out, [onnx] * processes))
        ids, features, _ = read_shards(out, "view-features")
    assert ids == list(paths.index)
    return features


def describe(files: Sequence[tuple[str, str]], out: Path, onnx: Path) -> None:
    """Render plainly and encode, in one process on one core."""
    config = FeaturesConfig()
    views = out.with_suffix(".views.h5")
    shape = (CONFIG.views, CONFIG.size, CONFIG.size, 3)
    extra = {"cameras": positions_of(CONFIG)}
    with ShardWriter(views, "views", {}, "images", shape, np.uint8, extra=extra) as writer:
        for (id, _), images in zip(
            files, plain_views([Path(path) for _, path in files]), strict=True
        ):
            writer.add(id, images)
    extract_view_features(views, out, open_encoder(encoder_spec(config), "cpu", onnx), config, {})


def max_pool(task: RetrievalTask, queries: np.ndarray, views: np.ndarray) -> dict[str, float]:
    """Measure the retrieval of max-pooled views by cosine."""
    retrieval = assess(EmbeddingScorer(queries, views.max(axis=1)), task).retrieval
    assert retrieval is not None
    values = summarise(retrieval)
    return {name: values[name] for name in SHOWN}


if __name__ == "__main__":
    main()
