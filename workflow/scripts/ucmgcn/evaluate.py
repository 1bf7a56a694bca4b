"""The evaluate stage: every method on the same queries and gallery, and the tables of it.

The gallery are all models but those of the split ``train``; queries are all photos that are not
context (see `ucmgcn.supervision`). The gallery's order, which decides ties, is the manifest's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from ucmgcn import evaluate_tables as tables
from ucmgcn.assess import Task, assess
from ucmgcn.challenge import Shapes
from ucmgcn.controls import CONTROLS, PROTOCOLS, ControlInputs, Pooling, build_control
from ucmgcn.errors import UserError
from ucmgcn.metrics import Flavour
from ucmgcn.points import read_points
from ucmgcn.progress import track
from ucmgcn.ranking import Distance, Features, FoldScorer, Ints, Measure, Scorer
from ucmgcn.store import open_shard
from ucmgcn.supervision import Roles, read_roles

logger = logging.getLogger(__name__)

LEARNED_PROTOCOLS = ("transductive", "inductive")
MODELS_PER_READ = 256


@dataclass(frozen=True)
class EvaluationInputs:
    """The files of one data set and backbone.

    Attributes
    ----------
    models, images
        Manifests; `images` may have a column ``model_id`` with the exact model of each photo.
    image_features, view_features
        Shards of kind ``image-features`` (n, d) and ``view-features`` (n, views, d).
    learned
        For each method that has embeddings, its `embeddings.h5`, one a seed.
    supervision
        What labels each of those methods saw; ``none`` if not given.
    label_seed
        Where that is ``source``: which half of the photos was labelled.
    split
        Where the manifests' split comes from.
    points
        Shards of kind ``points`` of the models' shapes, for the score of the 3D-FUTURE challenge.
    """

    dataset: str
    backbone: str
    models: Path
    images: Path
    image_features: Sequence[Path]
    view_features: Sequence[Path]
    learned: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    supervision: Mapping[str, str] = field(default_factory=dict)
    label_seed: int = 0
    split: str = "given"
    points: Sequence[Path] = ()

    def roles(self) -> Roles:
        """Which photos are context: the same ones for all methods, so that they compare."""
        source = "source" in self.supervision.values()
        return read_roles(self.images, "source" if source else "none", self.label_seed)

    @property
    def shown_split(self) -> str:
        """What the tables say of the split: ``none`` if the manifests have none."""
        columns = (pd.read_csv(p, usecols=["split"])["split"] for p in (self.models, self.images))
        return self.split if any(column.notna().any() for column in columns) else "none"


@dataclass(frozen=True)
class EvaluationOptions:
    """How to evaluate; none of it is tuned on labels.

    Attributes
    ----------
    controls
        Names from `ucmgcn.controls.CONTROLS`.
    subject
        The method that `significance.csv` compares with every other one.
    flavour, distance, official_preprocess
        See `ucmgcn.metrics` and `ucmgcn.ranking.Measure`.
    top
        Depth of `ranking.csv.gz`.
    resamples, seed
        Bootstrap samples, and the seed of their draws.
    block_size, threads
        Queries per block (None: by memory), and threads; neither changes a number.
    """

    controls: Sequence[str] = CONTROLS
    subject: str = "ucm-gcn"
    flavour: Flavour = "official"
    distance: Distance = "cosine"
    official_preprocess: bool = False
    top: int = 100
    resamples: int = 2000
    seed: int = 0
    block_size: int | None = None
    threads: int = 1

    @property
    def measure(self) -> Measure:
        """How descriptors are compared."""
        return Measure(self.distance, self.official_preprocess)


@dataclass(frozen=True)
class _Run:
    method: str
    protocol: str
    seed: str
    scorer: Callable[[], Scorer]


def evaluate_dataset(
    inputs: EvaluationInputs, out: Path, options: EvaluationOptions | None = None
) -> None:
    """Evaluate the controls and the learned methods, and write the tables into the folder `out`.

    Written are `metrics.csv`, `metrics_per_seed.csv`, `metrics_per_category.csv`, `confusion.csv`,
    `ranking.csv.gz`, `pr_curve.csv`, `pr_curve.svg`, `pr_curve.png`, `significance.csv` and
    `left_out.csv`. Without any label the retrieval is written all the same, and the metrics are
    empty.

    Raises
    ------
    UserError
        If queries or gallery are empty, or an embedding file lacks one of their items.
    """
    options = options or EvaluationOptions()
    task = load_task(inputs)
    _report(task)
    runs = [*_control_runs(inputs, task, options), *_learned_runs(inputs, task, options)]
    if not runs:
        raise UserError("evaluate: there is no method; name controls or give embeddings")
    results: dict[tuple[str, str], tables.Result] = {}
    for run in track(runs, "evaluate", len(runs), "run"):
        result = results.setdefault(
            (run.method, run.protocol),
            tables.Result(run.method, run.protocol, inputs.supervision.get(run.method, "none")),
        )
        assessment = assess(
            run.scorer(),
            task,
            flavour=options.flavour,
            top=max(options.top, tables.CONFUSION_DEPTH),
            block_size=options.block_size,
            threads=options.threads,
        )
        result.seeds.append(run.seed)
        result.runs.append(assessment)
    context = tables.Context(
        inputs.dataset,
        inputs.backbone,
        task,
        options.flavour,
        options.measure,
        inputs.shown_split,
        Shapes(read_points(inputs.points)) if inputs.points else None,
    )
    tables.write_all(
        out,
        context,
        list(results.values()),
        subject=options.subject,
        top=options.top,
        resamples=options.resamples,
        seed=options.seed,
        threads=options.threads,
    )


def load_task(inputs: EvaluationInputs) -> Task:
    """Read queries and gallery: the items of the manifests that have features.

    Raises
    ------
    UserError
        If either is empty.
    """
    photos = _usable(inputs.images, inputs.image_features, "image-features")
    models = _usable(inputs.models, inputs.view_features, "view-features")
    models = _under_test(inputs.models, models, models["split"] == "train")
    reason = photos["id"].map(inputs.roles().context)
    images = _under_test(inputs.images, photos, reason.notna())
    context = photos.assign(reason=reason)[reason.notna()]
    return Task(
        queries=images["id"].tolist(),
        models=models["id"].tolist(),
        query_labels=images["category"].tolist(),
        model_labels=models["category"].tolist(),
        instances=images["model_id"].tolist() if "model_id" in images else None,
        context=list(context[["id", "category", "reason"]].itertuples(index=False, name=None)),
    )


def read_rows(
    paths: Sequence[Path],
    kind: str,
    ids: Sequence[str],
    reduce: Callable[[Features], Features] | None = None,
) -> Features:
    """Read items of shards in the order of `ids`, a shard at a time.

    Parameters
    ----------
    reduce
        Applied to the items of each shard, such as pooling over views.
    """
    position = {id: i for i, id in enumerate(ids)}
    rows: Features | None = None
    for path in paths:
        with open_shard(path, kind) as shard:
            for places, items in _wanted(shard.ids, shard.array, position):
                part = reduce(items) if reduce else items
                if rows is None:
                    rows = np.empty((len(ids), *part.shape[1:]), dtype=part.dtype)
                rows[places] = part
    if rows is None:
        raise UserError(f"evaluate: no shard of {kind} holds an item that is wanted")
    return rows


def read_embeddings(path: Path, group: str, protocol: str, ids: Sequence[str]) -> Features:
    """Read the rows of `embeddings.h5` for some ids.

    Parameters
    ----------
    group, protocol
        ``"photo"`` or ``"model"``; ``"transductive"`` or ``"inductive"``.

    Raises
    ------
    UserError
        If the file is no embedding file, lacks an id, or has a value that is not finite.
    """
    try:
        with h5py.File(path, "r") as file:
            held = [str(i) for i in file[group]["id"].asstr()[:]]
            rows: Features = file[group][protocol][:]
    except (OSError, KeyError) as error:
        raise UserError(
            f"{path}: no embeddings {group}/{protocol} ({error}). Delete it and train again"
        ) from error
    position = {id: i for i, id in enumerate(held)}
    missing = [id for id in ids if id not in position]
    if missing:
        raise UserError(
            f"{path}: {len(missing)} of {len(ids)} {group} ids are missing, first {missing[0]!r}. "
            f"It is of other features; delete it and train again"
        )
    rows = rows[[position[id] for id in ids]]
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        bad = ids[int(np.argmin(finite))]
        raise UserError(f"{path}: the {protocol} embedding of {group} {bad!r} is not finite")
    return rows


def check_unseen(path: Path, queries: Sequence[str]) -> None:
    """Check that no query was context when `embeddings.h5` was made.

    Raises
    ------
    UserError
        If one was: its row was trained on.
    """
    with h5py.File(path, "r") as file:
        ids, context = file["photo"]["id"].asstr()[:], file["photo"]["context"][:]
    trained_on = {str(id) for id in ids[context]}
    known = next((id for id in queries if id in trained_on), None)
    if known is not None:
        raise UserError(
            f"{path}: photo {known!r} is a query now, but was trained on with its label or as "
            "context. Delete the file and train again"
        )


def _widths(path: Path, protocol: str) -> Sequence[int]:
    with h5py.File(path, "r") as file:
        data = file["model"][protocol]
        return [int(width) for width in data.attrs.get("widths", data.shape[1:])]


@dataclass(frozen=True)
class ShardViews:
    """View descriptors that stay on disk and are read a few models at a time."""

    paths: Sequence[Path]
    models: Sequence[str]

    @property
    def n_models(self) -> int:
        """Size of the gallery."""
        return len(self.models)

    def chunks(self) -> Iterator[tuple[Ints, Features]]:
        """Gallery positions (c,) and their view descriptors (c, views, d)."""
        position = {id: i for i, id in enumerate(self.models)}
        for path in self.paths:
            with open_shard(path, "view-features") as shard:
                yield from _wanted(shard.ids, shard.array, position)


def _wanted(
    ids: Sequence[str], array: h5py.Dataset, position: Mapping[str, int]
) -> Iterator[tuple[Ints, Features]]:
    """Positions and items of a shard, `MODELS_PER_READ` items at a time."""
    for start in range(0, len(ids), MODELS_PER_READ):
        part = ids[start : start + MODELS_PER_READ]
        rows = [i for i, id in enumerate(part) if id in position]
        if rows:
            places = np.array([position[part[i]] for i in rows], dtype=np.int64)
            yield places, array[start : start + len(part)][rows]


def _usable(manifest: Path, shards: Sequence[Path], kind: str) -> pd.DataFrame:
    """Rows that have features; missing cells are empty text."""
    frame = pd.read_csv(manifest, dtype=str, keep_default_na=False)
    held: set[str] = set()
    for path in shards:
        with open_shard(path, kind) as shard:
            held.update(shard.ids)
    usable = frame[frame["id"].isin(held)]
    if usable.empty:
        raise UserError(
            f"{manifest}: none of its {len(frame)} items has features; see rejected.csv"
        )
    if len(usable) < len(frame):
        logger.warning("%s: %d items have no features", manifest, len(frame) - len(usable))
    return usable


def _under_test(manifest: Path, rows: pd.DataFrame, context: pd.Series[bool]) -> pd.DataFrame:
    if context.all():
        raise UserError(
            f"{manifest}: all of its {len(rows)} usable items are of the split train or were "
            "trained on with their label, so nothing is under test"
        )
    return rows[~context]


def _report(task: Task) -> None:
    left_out = task.left_out
    if not task.evaluated.any() and (task.targets >= 0).any():
        logger.warning("no categories: only the recall of the exact models is measured")
    elif not task.evaluated.any():
        logger.warning("no labels: the models are ranked, but there is nothing to measure")
    elif left_out:
        logger.warning("%d photos have no metric; left_out.csv lists them", len(left_out))


def _control_runs(
    inputs: EvaluationInputs, task: Task, options: EvaluationOptions
) -> Iterator[_Run]:
    source = ControlInputs(
        read_rows(inputs.image_features, "image-features", task.queries),
        lambda pooling: read_rows(
            inputs.view_features, "view-features", task.models, _POOL[pooling]
        ),
        ShardViews(inputs.view_features, task.models),
    )

    def scorer(name: str) -> Callable[[], Scorer]:
        return lambda: build_control(name, source, options.measure, options.threads)

    unknown = sorted(set(options.controls) - set(CONTROLS))
    if unknown:
        raise UserError(f"controls: there is no {unknown[0]!r}; known are {', '.join(CONTROLS)}")
    for name in options.controls:
        yield _Run(name, PROTOCOLS[name], "", scorer(name))


def _learned_runs(
    inputs: EvaluationInputs, task: Task, options: EvaluationOptions
) -> Iterator[_Run]:
    for method, paths in inputs.learned.items():
        for protocol in LEARNED_PROTOCOLS:
            for path in map(Path, paths):
                scorer = partial(_fold_scorer, path, protocol, task, options.measure)
                yield _Run(method, protocol, _seed_of(path), scorer)


def _fold_scorer(path: Path, protocol: str, task: Task, measure: Measure) -> Scorer:
    photos = read_embeddings(path, "photo", protocol, task.queries)
    models = read_embeddings(path, "model", protocol, task.models)
    check_unseen(path, task.queries)
    return FoldScorer(photos, models, _widths(path, protocol), measure)


def _seed_of(path: Path) -> str:
    """Seed from the folder `seed-<s>`, empty if the method has none."""
    folder = path.parent.name
    return folder.removeprefix("seed-") if folder.startswith("seed-") else ""


def _max_pool(views: Features) -> Features:
    return np.asarray(views.max(axis=1))


def _mean_pool(views: Features) -> Features:
    return np.asarray(views.mean(axis=1, dtype=np.float64), dtype=np.float32)


_POOL: dict[Pooling, Callable[[Features], Features]] = {"max": _max_pool, "mean": _mean_pool}
