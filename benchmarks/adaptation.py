"""Ablation of the adapted encoder's own parts: docs/results/adaptation.csv.

    python benchmarks/adaptation.py RESULTS OUT [--half N] [ROW ...]

RESULTS is the folder of a finished run with categories, such as results/demo; its views and photos
are read. OUT keeps the feature maps and a JSON file for each row; rows that were measured before
are skipped. `--half 0` and `--half 1` take every other category only: a choice made on one half is
checked on the other. Each row is `max-pool` on the adapted features, without a graph, beside the
signs that need no label. In the rows of unseen photos, every other photo teaches and the others are
asked.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from ucmgcn.adapt.maps import maps_product  # noqa: E402
from ucmgcn.adapt.stage import AdaptFiles, AdaptSettings, adapt_encoder  # noqa: E402
from ucmgcn.adapt.targets import GraphSettings  # noqa: E402
from ucmgcn.evaluate.arrays import evaluate_arrays  # noqa: E402
from ucmgcn.features.encoders.halves import export_trunk  # noqa: E402
from ucmgcn.features.encoders.open import open_trunk  # noqa: E402
from ucmgcn.features.encoders.spec import EncoderSpec  # noqa: E402
from ucmgcn.features.stage import extract_image_features, extract_view_features  # noqa: E402
from ucmgcn.files.shards import ShardWriter, open_shard, read_shards  # noqa: E402
from ucmgcn.settings import (  # noqa: E402
    AdaptConfig,
    FeaturesConfig,
    GraphConfig,
    Limits,
    PropagationConfig,
    TrainConfig,
)

THREADS = 2
BASE = AdaptConfig(rounds=1, own=0.0)
GRAPH = GraphSettings(GraphConfig(), PropagationConfig(residual=0.0), TrainConfig())
ROWS: dict[str, dict] = {
    "as it comes": {"own": 1.0, "steps": 1},
    "default": {},
    **{f"seed {n}": {"seed": n} for n in (1, 2)},
    **{f"blocks {n}": {"blocks": n} for n in (2, 3)},
    **{f"steps {n}": {"steps": n} for n in (40, 80, 200, 300)},
    **{f"temperature {t}": {"temperature": t} for t in (0.1, 0.5)},
    **{f"pull {p}": {"pull": p} for p in (0.0, 0.1)},
    **{f"rate {r}": {"lr": r} for r in (0.0001, 0.0005)},
    "one look": {"looks": ("crop",)},
    "as it comes, half of the photos": {"own": 1.0, "steps": 1, "unseen": True},
    "half of the photos unseen": {"unseen": True},
    "half the batch": {"photos": 20, "models": 30},
    "twice the batch": {"photos": 80, "models": 120},
    "two rounds": {"rounds": 2},
    **{f"own {share}": {"own": share} for share in (0.25, 0.5)},
    "targets: sharp transport": {"train": {"transport_entropy": 0.05}},
    "targets: unbalanced": {"train": {"transport_balance": 0.0}},
    "targets: no propagation": {"propagation": {"hops": 0, "rounds": 0}},
}


def make_maps(run: Path, out: Path, blocks: int, looks: tuple[str, ...]) -> Path:
    """Compute the feature maps of a run's photos and views, once for each cut."""
    folder = out / f"maps-{blocks}-{'-'.join(looks)}"
    if (folder / "done").exists():
        return folder
    export_trunk(EncoderSpec(), blocks, folder / "trunk.onnx")
    trunk, config = (
        open_trunk(EncoderSpec(), blocks, "cpu", folder / "trunk.onnx"),
        FeaturesConfig(),
    )
    photos = pd.read_csv(run / "manifest" / "images.csv", keep_default_na=False)
    rows = [
        (id, run.parents[1] / path) for id, path in zip(photos["id"], photos["path"], strict=True)
    ]
    extract_image_features(
        rows, folder / "images.h5", trunk, config, {}, THREADS, Limits(), maps_product(looks)
    )
    for shard in sorted((run / "views").glob("shard-*.h5")):
        extract_view_features(
            shard, folder / "views" / shard.name, trunk, config, {}, THREADS, maps_product(())
        )
    (folder / "done").touch()
    return folder


def halved(source: Path, target: Path, kind: str, kept: set[str]) -> Path:
    """Copy the items of a shard that are kept."""
    with open_shard(source, kind) as shard:
        extra = {"cameras": shard.extra("cameras")} if kind == "view-maps" else {}
        shape, dtype = shard.array.shape[1:], shard.array.dtype
        with ShardWriter(target, kind, {}, "maps", shape, dtype, extra=extra) as writer:
            for i, id in enumerate(shard.ids):
                if id in kept:
                    writer.add(id, shard.array[i], shard.origins[i])
    return target


def measure(run: Path, out: Path, name: str, half: int | None) -> dict:
    """Adapt with the changes of a row; return its metrics, signs and time."""
    changes = dict(ROWS[name])
    unseen = changes.pop("unseen", False)
    graph = replace(
        GRAPH,
        propagation=replace(GRAPH.propagation, **changes.pop("propagation", {})),
        train=replace(GRAPH.train, **changes.pop("train", {})),
    )
    config = replace(BASE, **changes)
    maps = make_maps(run, out, config.blocks, config.looks)
    labels = {
        kind: pd.read_csv(run / "manifest" / f"{kind}.csv", keep_default_na=False)
        .set_index("id")["category"]
        .to_dict()
        for kind in ("images", "models")
    }
    shards = {"image-maps": [maps / "images.h5"], "view-maps": sorted((maps / "views").glob("*"))}
    if half is not None:
        chosen = sorted(set(labels["models"].values()))[half::2]
        kept = {id for known in labels.values() for id, label in known.items() if label in chosen}
        shards = {
            kind: [halved(path, out / "half" / kind / path.name, kind, kept) for path in paths]
            for kind, paths in shards.items()
        }
    folder = out / "row"
    made = [[folder / kind / path.name for path in paths] for kind, paths in shards.items()]
    names = ("weights.safetensors", "tail.onnx", "encoder.onnx", "adapt.json")
    files = AdaptFiles(*shards.values(), *(folder / name for name in names), *made)
    start = time.perf_counter()
    teachers = sorted(labels["images"])[::2] if unseen else None
    adapt_encoder(files, EncoderSpec(), AdaptSettings(config, graph), teachers)
    seconds = time.perf_counter() - start
    summary = json.loads(files.summary.read_text())
    photo_ids, photos, _ = read_shards(files.images, "image-features")
    asked = [i for i, id in enumerate(photo_ids) if not unseen or id not in set(teachers)]
    model_ids, views, _ = read_shards(files.views, "view-features")
    found = evaluate_arrays(
        photos[asked],
        [labels["images"][photo_ids[i]] for i in asked],
        np.asarray(views).max(axis=1),
        [labels["models"][id] for id in model_ids],
        skip_unknown=True,
    ).metrics
    return {
        "row": name,
        **{metric: round(found[metric], 4) for metric in ("NN", "FT", "mAP")},
        **summary["after"],
        "adapted": summary["adapted"],
        "seconds": round(seconds, 1),
    }


def main() -> None:
    """Measure the rows that were not measured before, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--half", type=int, choices=(0, 1))
    parser.add_argument("rows", nargs="*", default=list(ROWS))
    given = parser.parse_args()
    suffix = "" if given.half is None else f"-half-{given.half}"
    table = []
    for name in given.rows or ROWS:
        kept = given.out / f"{name.replace(' ', '-')}{suffix}.json"
        if not kept.exists():
            found = measure(given.run, given.out, name, given.half)
            kept.write_text(json.dumps({"set": given.run.name + suffix, **found}) + "\n")
        table.append(json.loads(kept.read_text()))
        print(table[-1], flush=True)
    pd.DataFrame(table).to_csv(given.out / f"adaptation{suffix}.csv", index=False)


if __name__ == "__main__":
    main()
