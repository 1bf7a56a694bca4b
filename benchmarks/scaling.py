"""Growth of the cost of each stage: time and peak memory for 1, 2, 4, 8 and 16 times the items.

    python benchmarks/scaling.py measure RESULTS [--stages render,features]
    python benchmarks/scaling.py plot [--out docs]

RESULTS is the folder of a finished run in `results`, with default settings. Every n-th of its items
is the base, which is repeated under new ids. Each measurement runs in its own process, on one core,
and starts after its libraries are imported. Measurements are kept in
`results/performance/scaling/`, one file per stage, so that they can be made in pieces.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import click
import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from measuring import ROWS, Measured, Row, in_new_process, measured, record

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

FACTORS = (1, 2, 4, 8, 16)
STYLE = {"svg.hashsalt": "ucmgcn", "svg.fonttype": "none", "font.size": 9}
KEPT = ROWS / "scaling"
# The base is every n-th item of a run: FEW for stages that are slow per item, MANY for the others.
FEW, MANY = 45, 8


def render(results: Path, folder: Path, factor: int) -> Measured:
    """Render meshes into one shard."""
    from ucmgcn.render.stage import render_shard
    from ucmgcn.settings import RenderConfig

    base = pd.read_csv(results / "manifest" / "models.csv", dtype=str)[::FEW]
    rows = [
        SimpleNamespace(id=f"{id}-{copy}", path=path)
        for copy in range(factor)
        for id, path in zip(base["id"], base["path"], strict=True)
    ]
    with measured(f"render {len(rows)}") as taken:
        render_shard(rows, folder / "views.h5", RenderConfig(), {})
    return taken


def features(results: Path, folder: Path, factor: int) -> Measured:
    """Encode photos into one shard."""
    from ucmgcn.features.encoders.open import open_encoder
    from ucmgcn.features.encoders.spec import encoder_spec
    from ucmgcn.features.stage import extract_image_features
    from ucmgcn.settings import FeaturesConfig

    config = FeaturesConfig()
    base = pd.read_csv(results / "manifest" / "images.csv", dtype=str)[::MANY]
    rows = [
        (f"{id}-{copy}", Path(path))
        for copy in range(factor)
        for id, path in zip(base["id"], base["path"], strict=True)
    ]
    onnx = next(results.glob("features/*/encoder.onnx"))
    encoder = open_encoder(encoder_spec(config), "cpu", onnx)
    with measured(f"features {len(rows)}") as taken:
        extract_image_features(rows, folder / "features.h5", encoder, config, {})
    return taken


def graph(results: Path, folder: Path, factor: int) -> Measured:
    """Build the graph of repeated features."""
    from ucmgcn.graph.stage import build_graph
    from ucmgcn.settings import GraphConfig

    shards = repeat(results, folder, factor)
    with measured(f"graph x{factor}") as taken:
        build_graph(*shards, *graph_files(folder), GraphConfig())
    return taken


def train(results: Path, folder: Path, factor: int) -> Measured:
    """Train one seed, on all photos and on each fold."""
    from ucmgcn.settings import GraphConfig, PropagationConfig, Settings, TrainConfig
    from ucmgcn.train.stage import Files, train_seed

    graph(results, folder, factor)
    out, _, nodes = graph_files(folder)
    files = Files(folder / "checkpoint.pt", folder / "history.csv", folder / "embeddings.h5")
    settings = Settings(GraphConfig(), PropagationConfig(), TrainConfig(), 0, "cpu")
    with measured(f"train x{factor}") as taken:
        train_seed(out, nodes, files, settings)
    return taken


def evaluate(results: Path, folder: Path, factor: int) -> Measured:
    """Rank with all baselines, and write all tables."""
    from ucmgcn.evaluate.options import EvaluationOptions
    from ucmgcn.evaluate.stage import EvaluationInputs, evaluate_dataset

    shards = repeat(results, folder, factor)
    for role in ("models", "images"):
        frame = pd.read_csv(results / "manifest" / f"{role}.csv", dtype=str, keep_default_na=False)
        copies = [frame.assign(id=frame["id"] + f"-{copy}") for copy in range(factor)]
        pd.concat(copies).to_csv(folder / f"{role}.csv", index=False)
    manifests = folder / "models.csv", folder / "images.csv"
    inputs = EvaluationInputs("scaling", "", *manifests, *shards)
    with measured(f"evaluate x{factor}") as taken:
        evaluate_dataset(inputs, folder / "tables", EvaluationOptions())
    return taken


def graph_files(folder: Path) -> tuple[Path, Path, Path]:
    """Return the paths of graph, summary and nodes."""
    return folder / "graph.h5", folder / "graph.json", folder / "nodes.h5"


def repeat(results: Path, folder: Path, factor: int) -> tuple[list[Path], list[Path]]:
    """Write the features of a run's base `factor` times."""
    from ucmgcn.files.shards import ShardWriter, open_shard, read_shards

    found: list[list[Path]] = []
    for part, kind in (("images", "image-features"), ("views", "view-features")):
        paths = sorted(results.glob(f"features/*/{part}/*.h5"))
        with open_shard(paths[0], kind) as shard:
            extra = {"cameras": shard.extra("cameras")} if part == "views" else {}
        ids, rows, _ = read_shards(paths, kind)
        ids, rows = ids[::MANY], rows[::MANY]
        out = folder / f"{part}.h5"
        with ShardWriter(out, kind, {}, "features", rows.shape[1:], "f4", extra=extra) as writer:
            for copy in range(factor):
                writer.add_many([f"{id}-{copy}" for id in ids], rows)
        found.append([out])
    return found[0], found[1]


Stage = Callable[[Path, Path, int], Measured]
STAGES: dict[str, Stage] = {s.__name__: s for s in (render, features, graph, train, evaluate)}
# Stages whose memory must not grow with the number of items.
FLAT_MEMORY = ("render", "features")


def on_one_core(stage: str, results: Path, factor: int) -> Measured:
    """Measure in this process, which must be fresh."""
    from threadpoolctl import threadpool_limits

    with tempfile.TemporaryDirectory() as scratch, threadpool_limits(1):
        if stage in ("graph", "train"):
            import torch

            torch.set_num_threads(1)
        return STAGES[stage](results, Path(scratch), factor)


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command("measure")
@click.argument("results", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--stages", default=",".join(STAGES), show_default=True)
def measure_stages(results: Path, stages: str) -> None:
    KEPT.mkdir(parents=True, exist_ok=True)
    for stage in stages.split(","):
        rows = []
        for factor in FACTORS:
            taken = in_new_process(on_one_core, stage, results, factor)
            rows.append({"factor": factor, "seconds": taken.cpu, "gib": taken.peak})
        pd.DataFrame(rows).to_csv(KEPT / f"{stage}.csv", index=False, float_format="%.4f")


@main.command("plot")
@click.option("--out", default=Path("docs"), type=click.Path(path_type=Path), show_default=True)
def plot(out: Path) -> None:
    measurements = {
        s: pd.read_csv(KEPT / f"{s}.csv") for s in STAGES if (KEPT / f"{s}.csv").exists()
    }
    for column, label in (("seconds", "seconds of processor time"), ("gib", "peak memory, GiB")):
        draw(measurements, column, label, out / f"performance-{column}.svg")
    record(Path(__file__).stem, [row(stage, table) for stage, table in measurements.items()])


def exponent(table: pd.DataFrame) -> float:
    """Fit p of t ~ n^p to the last three points, where start-up time matters least."""
    last = table.iloc[-3:]
    return float(np.polyfit(np.log(last["factor"]), np.log(last["seconds"]), 1)[0])


def row(stage: str, table: pd.DataFrame) -> Row:
    """Make the row of a stage's growth from 1 to 16 times the items."""
    power = exponent(table)
    first, last = table["gib"].iloc[0], table["gib"].iloc[-1]
    flat = stage in FLAT_MEMORY
    met = power < 1.15 and (not flat or last < 1.1 * first)
    reached = f"time ~ n^{power:.2f}; memory {first:.2f} to {last:.2f} GiB"
    wanted = "linear" + (", memory flat" if flat else " but for all pairs")
    return Row(f"growth, {stage}", "1x to 16x the items", reached, wanted, met)


def draw(measurements: dict[str, pd.DataFrame], column: str, label: str, out: Path) -> None:
    """Draw the measurements and a linear fit; time on logarithmic axes."""
    with rc_context(STYLE):
        figure = Figure(figsize=(5, 3.4), layout="constrained")
        axes = figure.subplots()
        for number, (stage, table) in enumerate(measurements.items()):
            slope, start = np.polyfit(table["factor"], table[column], 1)
            power = f", n^{exponent(table):.2f}" if column == "seconds" else ""
            colour = f"C{number}"
            axes.plot(table["factor"], table[column], "o", color=colour, label=f"{stage}{power}")
            axes.plot(
                FACTORS,
                np.maximum(start + slope * np.array(FACTORS), 1e-3),
                "-",
                color=colour,
                lw=0.8,
            )
        growing = {"yscale": "log"} if column == "seconds" else {"ylim": (0, None)}
        axes.set(xscale="log", xlabel="times the items", ylabel=label, **growing)
        axes.set_xticks(FACTORS, [str(f) for f in FACTORS])
        axes.minorticks_off()
        axes.legend(frameon=False)
        figure.savefig(out, metadata={"Date": None})


if __name__ == "__main__":
    main()
