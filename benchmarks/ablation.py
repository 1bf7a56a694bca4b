"""Ablation: train with each part of the method off or swapped, and cache the results.

Needs a run whose `graph` stage is finished; its features and manifests are read. Each training is
cached as a JSON file, so that the ablation can run in pieces. `ablation_report.py` writes the
tables from the files at hand.

    python benchmarks/ablation.py --results results --dataset psb --minutes 9
    python benchmarks/ablation.py --results results --dataset psb --only views --seeds 1
    python benchmarks/ablation_report.py
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import h5py
import numpy as np
import pandas as pd
import torch
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow" / "scripts"))

from ablation_rows import ROWS, Row
from label_free import clusters, criteria

from ucmgcn.datasets.roles import Roles, share_out
from ucmgcn.evaluate.assess import RetrievalTask, assess
from ucmgcn.evaluate.metrics import summarise
from ucmgcn.evaluate.ranking import FoldScorer, Measure
from ucmgcn.files.atomic import atomic_path
from ucmgcn.files.shards import ShardWriter, open_shard, read_shards
from ucmgcn.graph.file import read_nodes
from ucmgcn.graph.stage import build_graph
from ucmgcn.train.protocols import held_out
from ucmgcn.train.stage import Files, train_baselines, train_seed

SHOWN = ("NN", "FT", "mAP")
PROTOCOLS = ("transductive", "inductive")
CACHE = Path("results") / "ablation"


@dataclass(frozen=True)
class Data:
    """Features and categories of a data set, or of a part of it."""

    name: str
    photos: pd.DataFrame
    models: pd.DataFrame
    photo_features: np.ndarray
    view_features: np.ndarray
    cameras: np.ndarray

    def part(self, name: str, photos: np.ndarray, models: np.ndarray) -> Data:
        """Keep the photos and models of two masks."""
        return replace(
            self,
            name=name,
            photos=self.photos[photos].reset_index(drop=True),
            models=self.models[models].reset_index(drop=True),
            photo_features=self.photo_features[photos],
            view_features=self.view_features[models],
        )

    @cached_property
    def digest(self) -> str:
        """Digest of all features and categories."""
        digest = hashlib.sha256(self.photos.to_csv().encode() + self.models.to_csv().encode())
        for rows in (self.photo_features, self.view_features):
            digest.update(np.ascontiguousarray(rows).tobytes())
        return digest.hexdigest()[:16]


def load(results: Path, dataset: str, backbone: str) -> Data:
    """Read the features and manifests of a run whose graph is finished."""
    folder = results / dataset
    shards = folder / "features" / backbone
    views = sorted((shards / "views").glob("*.h5"))
    with open_shard(views[0], "view-features") as shard:
        cameras = shard.extra("cameras")
    frames, rows = [], []
    for role, paths in (("images", sorted((shards / "images").glob("*.h5"))), ("models", views)):
        kind = "image-features" if role == "images" else "view-features"
        ids, features, _ = read_shards(paths, kind)
        frame = pd.read_csv(folder / "manifest" / f"{role}.csv", dtype=str, keep_default_na=False)
        frames.append(frame.set_index("id").loc[ids].reset_index()[["id", "category", "split"]])
        rows.append(features)
    return Data(dataset, *frames, *rows, cameras)


def fewer_views(data: Data, views: int) -> Data:
    """Keep the first view of each model, and further ones whose cameras are far apart."""
    if views in (0, len(data.cameras)):
        return data
    kept = [0]
    while len(kept) < views:
        nearest = (data.cameras @ data.cameras[kept].T).max(axis=1)
        kept.append(int(np.argmin(nearest)))
    kept.sort()
    return replace(data, view_features=data.view_features[:, kept], cameras=data.cameras[kept])


def subsets(data: Data) -> dict[str, Data]:
    """Return the whole set, halves of its categories, and draws with unequal category shares."""
    categories = sorted(set(data.photos["category"]) & set(data.models["category"]))
    found = {data.name: data}
    for name, half in (("odd", categories[::2]), ("even", categories[1::2])):
        masks = [frame["category"].isin(half).to_numpy() for frame in (data.photos, data.models)]
        found[f"{data.name}-{name}"] = data.part(f"{data.name}-{name}", *masks)
    for draw in range(4):
        masks = [
            _unequal(frame, draw, side) for side, frame in enumerate((data.photos, data.models))
        ]
        found[f"{data.name}-unequal-{draw}"] = data.part(f"{data.name}-unequal-{draw}", *masks)
    return found


def _unequal(frame: pd.DataFrame, draw: int, side: int) -> np.ndarray:
    """Keep a random share of each category, from 15 to 100 %, but at least 3 items."""
    generator = np.random.default_rng([draw, side])
    keep = np.zeros(len(frame), dtype=bool)
    for category in sorted(set(frame["category"])):
        items = np.flatnonzero(frame["category"] == category)
        number = max(3, round(generator.uniform(0.15, 1.0) * len(items)))
        keep[generator.permutation(items)[:number]] = True
    return keep


class Trial:
    """One row on one set: the graph is built once, then a network is trained for each seed."""

    def __init__(self, row: Row, data: Data, folder: Path) -> None:
        self.row, self.data, self.folder = row, data, folder
        shards = [
            self._shard("image-features", data.photos, data.photo_features, {}),
            self._shard(
                "view-features", data.models, data.view_features, {"cameras": data.cameras}
            ),
        ]
        self.graph, self.nodes = folder / "graph.h5", folder / "nodes.h5"
        config = row.settings(0).graph
        build_graph(shards[:1], shards[1:], self.graph, folder / "graph.json", self.nodes, config)

    def run(self, seed: int) -> dict[str, Any]:
        """Train one seed; measure the embedding, its learned half, and the criteria."""
        settings = self.row.settings(seed)
        assert settings.train is not None
        start = time.process_time()
        roles = share_out(self.data.photos, settings.train.supervision, seed)
        out = self.folder / f"seed-{seed}.h5"
        files = Files(self.folder / "checkpoint.pt", self.folder / "history.csv", out)
        train_seed(self.graph, self.nodes, files, settings, roles)
        measured = self._measure(out, roles)
        if seed == 0:
            baseline = self.folder / "propagation.h5"
            train_baselines(self.graph, self.nodes, {"propagation": baseline}, settings, roles)
            measured["propagation"] = self._measure(baseline, roles)["joined"]
        return {
            "row": self.row.name,
            "group": self.row.group,
            "dataset": self.data.name,
            "seed": seed,
            "settings": plain(self.row, seed),
            "metrics": measured,
            "criteria": self._criteria(out, roles, settings.train.folds, seed),
            "cpu_seconds": round(time.process_time() - start, 1),
        }

    def _shard(
        self, kind: str, frame: pd.DataFrame, rows: np.ndarray, extra: dict[str, np.ndarray]
    ) -> Path:
        path = self.folder / f"{kind}.h5"
        with ShardWriter(path, kind, {}, "features", rows.shape[1:], "f4", extra=extra) as writer:
            writer.add_many(frame["id"].tolist(), rows)
        return path

    def _measure(self, path: Path, roles: Roles) -> dict[str, dict[str, dict[str, float]]]:
        """Compute metrics of the embedding and of its learned half, under each protocol."""
        asked = ~roles.mask(self.data.photos["id"].tolist())
        task = RetrievalTask(
            self.data.photos["id"][asked].tolist(),
            self.data.models["id"].tolist(),
            self.data.photos["category"][asked].tolist(),
            self.data.models["category"].tolist(),
        )
        spread = read_nodes(self.nodes).space.photos(self.data.photo_features[:1]).shape[1]
        own = spread if self.row.settings(0).propagation.own_share else 0
        found: dict[str, dict[str, dict[str, float]]] = {"joined": {}, "learned": {}}
        for protocol in PROTOCOLS:
            photos, models, widths = _embeddings(path, protocol)
            for part, halves in found.items():
                if part == "learned":
                    models = _only_learned(models, widths, spread, own)
                scorer = FoldScorer(photos[asked], models, widths, Measure())
                retrieval = assess(scorer, task).retrieval
                assert retrieval is not None
                values = summarise(retrieval)
                halves[protocol] = {name: round(values[name], 6) for name in SHOWN}
        return found

    def _criteria(self, path: Path, roles: Roles, folds: int, seed: int) -> dict[str, Any]:
        ids = self.data.photos["id"].tolist()
        context = roles.mask(ids)
        parts = held_out(ids, context, folds, seed)
        embedded = {protocol: _embeddings(path, protocol) for protocol in PROTOCOLS}
        photos = {protocol: rows[0] for protocol, rows in embedded.items()}
        models = {protocol: rows[1] for protocol, rows in embedded.items()}
        found = criteria(photos, models, self.data.photo_features, parts)
        both = np.vstack([photos["transductive"], models["transductive"]])
        rounded = {name: round(value, 6) for name, value in found.items()}
        return {**rounded, "clusters": clusters(both)}


def _embeddings(path: Path, protocol: str) -> tuple[np.ndarray, np.ndarray, list[int]]:
    with h5py.File(path) as file:
        models = file["model"][protocol]
        return file["photo"][protocol][:], models[:], [int(w) for w in models.attrs["widths"]]


def _only_learned(models: np.ndarray, widths: list[int], spread: int, own: int) -> np.ndarray:
    """Set all columns of each fold except the learned ones to zero, to compare only those."""
    out, start = models.copy(), 0
    for width in widths:
        end = start + width - own
        out[:, start : start + (spread if width - own > spread else 0)] = 0
        out[:, end : end + own] = 0
        start += width
    return out


def cached(path: Path, settings: dict[str, Any]) -> bool:
    """Whether a result exists, and all its settings are still the same.

    Settings that were added later do not count: their defaults keep the earlier behaviour.
    """
    if not path.exists():
        return False
    made: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["settings"]
    return all(
        settings[part][name] == value
        for part, values in made.items()
        for name, value in values.items()
    )


def plain(row: Row, seed: int) -> dict[str, Any]:
    """Settings of a row as plain JSON values."""
    parts = asdict(row.settings(seed))
    found = {name: parts[name] for name in ("graph", "propagation", "train")}
    loaded: dict[str, Any] = json.loads(json.dumps(found))
    return loaded


def name_of(row: Row, data: Data, seed: int) -> str:
    """File name of a result."""
    facts = [row.changes, row.views, data.digest, seed]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12] + ".json"


@click.command(help=__doc__)
@click.option("--results", type=click.Path(path_type=Path), default=Path("results"))
@click.option("--dataset", default="demo", show_default=True)
@click.option("--backbone", default="efficientnet-lite0", show_default=True)
@click.option("--on", default="", help="Part of the set: odd, even, unequal-0 ... unequal-3.")
@click.option("--only", default="", help="Rows whose name or group contains this text.")
@click.option("--seeds", default=3, show_default=True)
@click.option("--minutes", default=0.0, help="Start no training after this time; 0: no limit.")
@click.option("--part", default="0/1", show_default=True, help="i/n: rows i, i + n ...")
@click.option("--cache", type=click.Path(path_type=Path), default=CACHE, show_default=True)
def main(
    results: Path, dataset: str, backbone: str, on: str, only: str, seeds: int, minutes: float,
    part: str, cache: Path,
) -> None:  # fmt: skip
    """Run the rows that are not cached yet."""
    end = time.monotonic() + 60 * minutes if minutes else float("inf")
    torch.set_num_threads(1)
    number, parts = map(int, part.split("/"))
    chosen = [row for row in ROWS if only in row.name or only in row.group]
    with threadpool_limits(1):
        for row in chosen[number::parts]:
            data = _data(results, dataset, backbone, on, row.views)
            if data is not None:
                _run(row, data, range(seeds), cache, end)


def _data(results: Path, dataset: str, backbone: str, on: str, views: int) -> Data | None:
    """Load the data of a row; more than 12 views come from a run with other cameras."""
    source = f"{dataset}-dodecahedron" if views == 20 else dataset
    if not (results / source).exists():
        print(f"skipped: no {results / source}; run it with render.cameras=dodecahedron")
        return None
    data = replace(load(results, source, backbone), name=dataset)
    data = subsets(data)[f"{dataset}-{on}"] if on else data
    return fewer_views(data, views)


def _run(row: Row, data: Data, seeds: range, cache: Path, end: float) -> None:
    todo = {seed: cache / data.name / name_of(row, data, seed) for seed in seeds}
    todo = {seed: path for seed, path in todo.items() if not cached(path, plain(row, seed))}
    if not todo or time.monotonic() > end:
        return
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(row, data, Path(folder))
        for seed, path in todo.items():
            if time.monotonic() > end:
                return
            result = trial.run(seed)
            with atomic_path(path) as partial:
                partial.write_text(json.dumps(result), encoding="utf-8")
            joined = result["metrics"]["joined"]["transductive"]
            print(f"{data.name} {row.name} {seed}: {joined}", flush=True)


if __name__ == "__main__":
    main()
