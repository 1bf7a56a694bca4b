"""Time and memory of building the graph, at MI3DOR's size or another.

Synthetic features, random around one centre per category, are written as shards; the graph stage
reads them as in the pipeline. `--exact` searches the ten nearest neighbours of the encoder's raw
features exactly; without it the stage has its defaults. `--one-million` takes a million views and a
hundred thousand photos, and searches neighbours with a faiss index.

    python benchmarks/graph_scale.py --exact
    python benchmarks/graph_scale.py
    python benchmarks/graph_scale.py --one-million
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import click
import numpy as np
from measuring import Measured, Row, in_new_process, measured, record

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from ucmgcn.files.shards import ShardWriter
from ucmgcn.media.cameras import icosahedron
from ucmgcn.settings import GraphConfig

SHARD = 1_000  # items in a shard of features
EXACT = GraphConfig(k=10, view_k=10, space="raw", knn="flat")
MILLION = 100_000, 83_334  # photos, and models of twelve views


@click.command(help=__doc__)
@click.option("--photos", default=10_500, show_default=True)
@click.option("--models", default=3_848, show_default=True)
@click.option("--features", default=1_280, show_default=True, help="dimensions of the encoder")
@click.option("--categories", default=21, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--exact", is_flag=True, help="exact ten nearest by the encoder's features")
@click.option("--one-million", is_flag=True, help="overrides --photos and --models")
def main(
    photos: int,
    models: int,
    features: int,
    categories: int,
    seed: int,
    exact: bool,
    one_million: bool,
) -> None:
    photos, models = MILLION if one_million else (photos, models)
    config = EXACT if exact else GraphConfig()
    size = f"{photos:,} photos x {models * len(icosahedron()):,} views x {features:,}"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        in_new_process(write, folder, photos, models, features, categories, seed)
        taken, searches = in_new_process(build, folder, config)
    if one_million:
        found = ", ".join(f"{s['index']} {s['recall']}" for s in searches.values())
        reached = f"{taken.peak:.1f} GiB, {taken.seconds:.0f} s; index and recall: {found}"
        rows = [Row(f"graph: {size}", "", reached, "8 GiB", taken.peak < 8)]
    else:
        kind = "exact top 10 of the encoder's features" if exact else "the stage's defaults"
        reached = f"{taken.seconds:.1f} s, {taken.peak:.2f} GiB"
        met = taken.seconds < 30 and taken.peak < 2
        rows = [Row(f"graph: {size}, {kind}", "", reached, "30 s, 2 GiB", met)]
    variant = "-one-million" if one_million else "-exact" if exact else ""
    record(Path(__file__).stem + variant, rows)


def write(
    folder: Path, photos: int, models: int, features: int, categories: int, seed: int
) -> None:
    """Write shards of photos and of views, shard by shard."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(categories, features)).astype(np.float32)
    shift = generator.normal(size=features).astype(np.float32)
    cameras = icosahedron()
    views = (len(cameras),)
    write_shards(folder, "image-features", photos, (), centres + shift, {}, generator)
    extra = {"cameras": cameras}
    write_shards(folder, "view-features", models, views, centres, extra, generator)


def write_shards(
    folder: Path,
    kind: str,
    items: int,
    views: tuple[int, ...],
    centres: np.ndarray,
    extra: dict[str, np.ndarray],
    generator: np.random.Generator,
) -> None:
    """Write features around the centres; item i has category i mod c."""
    shape = (*views, centres.shape[1])
    for start in range(0, items, SHARD):
        numbers = np.arange(start, min(start + SHARD, items))
        rows = 4 * generator.standard_normal((len(numbers), *shape), dtype=np.float32)
        rows += centres[numbers % len(centres)].reshape(-1, *[1] * len(views), shape[-1])
        path = folder / f"{kind}-{start // SHARD:04d}.h5"
        with ShardWriter(path, kind, {}, "features", shape, "f4", extra=extra) as writer:
            writer.add_many([f"{number:08d}" for number in numbers], rows)


def build(folder: Path, config: GraphConfig) -> tuple[Measured, dict[str, dict[str, object]]]:
    """Run the stage."""
    from ucmgcn.graph.stage import build_graph

    shards = [sorted(folder.glob(f"{kind}-*.h5")) for kind in ("image-features", "view-features")]
    summary = folder / "graph.json"
    with measured("build_graph") as taken:
        build_graph(*shards, folder / "graph.h5", summary, folder / "nodes.h5", config)
    return taken, json.loads(summary.read_text())["searches"]


if __name__ == "__main__":
    main()
