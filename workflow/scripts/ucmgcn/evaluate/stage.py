"""The evaluate stage: rank the same gallery for the same queries by every method; write tables.

The gallery is all models except those of the split ``train``. The queries are all photos that are
not context (see `ucmgcn.datasets.roles`). Ties keep the gallery's order, which is the manifest's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from ucmgcn.core.arrays import Descriptors
from ucmgcn.core.errors import UserError
from ucmgcn.core.progress import track
from ucmgcn.datasets.roles import Roles, read_roles
from ucmgcn.evaluate.assess import Assessment, RetrievalTask, assess
from ucmgcn.evaluate.baselines import (
    BASELINES,
    PROTOCOL_OF,
    BaselineInputs,
    KReciprocal,
    build_baseline,
)
from ucmgcn.evaluate.challenge import Shapes, read_points
from ucmgcn.evaluate.options import EvaluationOptions
from ucmgcn.evaluate.ranking import FoldScorer, Measure, Scorer
from ucmgcn.evaluate.results import Context, Result
from ucmgcn.evaluate.tables import CONFUSION_DEPTH, write_all
from ucmgcn.files.digest import intact
from ucmgcn.files.embeddings import (
    asked_photos,
    check_unseen,
    embedding_widths,
    protocols_in,
    read_embeddings,
    read_seen,
)
from ucmgcn.files.rows import ShardViews, read_rows
from ucmgcn.files.shards import open_shard
from ucmgcn.settings import Pooling

logger = logging.getLogger(__name__)

# Protocols with other photos, whose rows have files and queries of their own.
PROBES = ("open", "skewed")
# Without a graph and without training: what the methods of the probes are compared with.
CONTROL = "max-pool"
# k-reciprocal re-ranking of the embeddings of mean-pool-centred.
RERANKED = "k-reciprocal-centred"
# Their seed chooses the folds of the inductive protocol, and nothing else.
SEEDLESS = ("mean-pool-centred", "propagation", "diffusion", "diffusion-joined", "ridge")


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
        For each method with embeddings, its files `embeddings.h5`, one per seed; for
        `k-reciprocal-centred` those of `mean-pool-centred`.
    probed
        For each method under the protocols `open` and `skewed` (see `ucmgcn.train.probes`), its
        files, one per seed.
    supervision
        Labels that each of those methods saw; ``none`` if not given.
    label_seed
        For the supervision ``source``: the seed that chose the labelled half of the photos.
    split
        Source of the manifests' split.
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
    probed: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    supervision: Mapping[str, str] = field(default_factory=dict)
    label_seed: int = 0
    split: str = "given"
    points: Sequence[Path] = ()

    def roles(self) -> Roles:
        """Return which photos are context: the same for all methods, to keep them comparable."""
        source = "source" in self.supervision.values()
        return read_roles(self.images, "source" if source else "none", self.label_seed)

    @property
    def shown_split(self) -> str:
        """The split as the tables name it: ``none`` if the manifests have none."""
        columns = (
            pd.read_csv(intact(p), usecols=["split"])["split"] for p in (self.models, self.images)
        )
        return self.split if any(column.notna().any() for column in columns) else "none"


@dataclass(frozen=True)
class _Run:
    method: str
    protocol: str
    seed: str
    scorer: Callable[[], Scorer]
    seen: Callable[[], float | None]


def evaluate_dataset(
    inputs: EvaluationInputs, out: Path, options: EvaluationOptions | None = None
) -> None:
    """Evaluate the baselines and the learned methods, and write the tables into the folder `out`.

    Writes `metrics.csv`, `metrics_per_seed.csv`, `metrics_per_category.csv`, `confusion.csv`,
    `ranking.csv.gz`, `pr_curve.csv`, `pr_curve.svg`, `pr_curve.png`, `significance.csv` and
    `left_out.csv`; with points also `challenge.csv`. Without labels it still writes the ranking,
    but metrics are empty.

    Raises
    ------
    UserError
        If queries or gallery are empty, or an embedding file lacks one of their items.
    """
    options = options or EvaluationOptions()
    task = load_task(inputs)
    _report(task)
    first = replace(options, protocols=[p for p in options.protocols if p not in PROBES])
    runs = [*_baseline_runs(inputs, task, first), *_learned_runs(inputs, task, first)]
    if not runs:
        raise UserError("evaluate: there is no method; name baselines or give embeddings")
    shapes = Shapes(read_points(inputs.points)) if inputs.points else None
    context = Context(inputs.dataset, inputs.backbone, task, options, inputs.shown_split, shapes)
    results = _results(inputs, task, options, runs)
    write_all(out, context, results, list(_probes(inputs, context)))


def _results(
    inputs: EvaluationInputs, task: RetrievalTask, options: EvaluationOptions, runs: Sequence[_Run]
) -> list[Result]:
    """Assess runs on one task, and gather them by method and protocol."""
    results: dict[tuple[str, str], Result] = {}
    for run in track(runs, "evaluate", len(runs), "run"):
        supervision = inputs.supervision.get(run.method, "none")
        fresh = Result(run.method, run.protocol, supervision)
        result = results.setdefault((run.method, run.protocol), fresh)
        result.seeds.append(run.seed)
        result.runs.append(_assess(run, task, options))
        result.seen.append(run.seen())
    return list(results.values())


def _probes(
    inputs: EvaluationInputs, context: Context
) -> Iterator[tuple[Context, Sequence[Result]]]:
    """Assess each probe on the queries that it asked."""
    paths = [path for files in inputs.probed.values() for path in files]
    for name in protocols_in(paths[0]) if paths else ():
        protocol, _, draw = name.partition("/")
        task = context.task.among(asked_photos(paths[0], name))
        control = [baseline for baseline in context.options.baselines if baseline == CONTROL]
        options = replace(context.options, baselines=control, protocols=[name])
        own = replace(inputs, learned=inputs.probed)
        runs = [*_baseline_runs(own, task, options), *_learned_runs(own, task, options)]
        runs = [replace(run, protocol=protocol) for run in runs]
        results = _results(inputs, task, options, runs)
        yield replace(context, task=task, draw=draw, shapes=None), results


def load_task(inputs: EvaluationInputs) -> RetrievalTask:
    """Read queries and gallery: the items of the manifests that have features.

    Raises
    ------
    UserError
        If either is empty.
    """
    if not inputs.image_features:
        raise UserError("evaluate: there are no photos, so nothing to measure; add images=DIR")
    photos = _usable(inputs.images, inputs.image_features, "image-features")
    models = _usable(inputs.models, inputs.view_features, "view-features")
    models = _under_test(inputs.models, models, models["split"] == "train")
    reason = photos["id"].map(inputs.roles().context)
    images = _under_test(inputs.images, photos, reason.notna())
    context = photos.assign(reason=reason)[reason.notna()]
    return RetrievalTask(
        queries=images["id"].tolist(),
        models=models["id"].tolist(),
        query_labels=images["category"].tolist(),
        model_labels=models["category"].tolist(),
        instances=images["model_id"].tolist() if "model_id" in images else None,
        context=list(context[["id", "category", "reason"]].itertuples(index=False, name=None)),
    )


def _usable(manifest: Path, shards: Sequence[Path], kind: str) -> pd.DataFrame:
    """Read the rows that have features; missing cells are empty text."""
    frame = pd.read_csv(intact(manifest), dtype=str, keep_default_na=False)
    held: set[str] = set()
    for path in shards:
        with open_shard(path, kind) as shard:
            held.update(shard.ids)
    usable = frame[frame["id"].isin(held)]
    if usable.empty:
        raise UserError(
            f"{manifest}: none of its {len(frame)} items has features; see tables/rejected.csv"
        )
    if len(usable) < len(frame):
        logger.warning("%s: %d items have no features", manifest, len(frame) - len(usable))
    return usable


def _under_test(manifest: Path, rows: pd.DataFrame, context: pd.Series[bool]) -> pd.DataFrame:
    if context.all():
        raise UserError(
            f"{manifest}: all of its {len(rows)} usable items are in the split train or were "
            "trained on with their labels, so nothing is under test"
        )
    return rows[~context]


def _report(task: RetrievalTask) -> None:
    left_out = task.left_out
    if not task.evaluated.any() and (task.targets >= 0).any():
        logger.warning("no categories: only the recall of the exact models is measured")
    elif not task.evaluated.any():
        logger.warning("no labels: the models are ranked, but there is nothing to measure")
    elif left_out:
        logger.warning("%d photos have no metric; left_out.csv lists them", len(left_out))


def _assess(run: _Run, task: RetrievalTask, options: EvaluationOptions) -> Assessment:
    return assess(
        run.scorer(),
        task,
        flavour=options.flavour,
        top=max(options.top, CONFUSION_DEPTH),
        block_size=options.block_size,
        threads=options.threads,
    )


def _baseline_runs(
    inputs: EvaluationInputs, task: RetrievalTask, options: EvaluationOptions
) -> Iterator[_Run]:
    source = BaselineInputs(
        read_rows(inputs.image_features, "image-features", task.queries),
        lambda pooling: read_rows(
            inputs.view_features, "view-features", task.models, _POOL[pooling]
        ),
        ShardViews(inputs.view_features, task.models),
    )

    def scorer(name: str) -> Callable[[], Scorer]:
        return lambda: build_baseline(name, source, options.measure, options.threads)

    unknown = sorted(set(options.baselines) - set(BASELINES))
    if unknown:
        raise UserError(f"baselines: there is no {unknown[0]!r}; known are {', '.join(BASELINES)}")
    for name in options.baselines:
        transductive = PROTOCOL_OF[name] == "transductive"
        seen = partial(len, task.queries if transductive else ())
        yield _Run(name, PROTOCOL_OF[name], "", scorer(name), seen)


def _learned_runs(
    inputs: EvaluationInputs, task: RetrievalTask, options: EvaluationOptions
) -> Iterator[_Run]:
    for method, paths in inputs.learned.items():
        if method == RERANKED:
            scorer = partial(_reranked, paths[0], task, options)
            yield _Run(method, "transductive", "", scorer, partial(len, task.queries))
            continue
        for protocol in options.protocols:
            once = protocol != "inductive" and method in SEEDLESS
            for path in paths[:1] if once else paths:
                fold = partial(_fold_scorer, path, protocol, task, options.measure)
                seen = partial(read_seen, path, protocol, task.queries)
                yield _Run(method, protocol, "" if once else _seed_of(path), fold, seen)


def _reranked(path: Path, task: RetrievalTask, options: EvaluationOptions) -> Scorer:
    """Re-rank transductive embeddings by k-reciprocal neighbours."""
    photos = read_embeddings(path, "photo", "transductive", task.queries)
    models = read_embeddings(path, "model", "transductive", task.models)
    return KReciprocal(photos, models, options.measure, threads=options.threads)


def _fold_scorer(path: Path, protocol: str, task: RetrievalTask, measure: Measure) -> Scorer:
    photos = read_embeddings(path, "photo", protocol, task.queries)
    models = read_embeddings(path, "model", protocol, task.models)
    check_unseen(path, task.queries)
    return FoldScorer(photos, models, embedding_widths(path, protocol), measure)


def _seed_of(path: Path) -> str:
    """Return the seed from the folder name `seed-<s>`, empty if the method has none."""
    folder = path.parent.name
    return folder.removeprefix("seed-") if folder.startswith("seed-") else ""


def _max_pool(views: Descriptors) -> Descriptors:
    return np.asarray(views.max(axis=1))


def _mean_pool(views: Descriptors) -> Descriptors:
    return np.asarray(views.mean(axis=1, dtype=np.float64), dtype=np.float32)


_POOL: dict[Pooling, Callable[[Descriptors], Descriptors]] = {"max": _max_pool, "mean": _mean_pool}
