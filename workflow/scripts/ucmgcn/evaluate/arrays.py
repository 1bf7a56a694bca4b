"""Metrics of embeddings made elsewhere: of arrays, and of files (`ucmgcn evaluate`).

Both call `evaluate_sides`, so that they check and measure alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ucmgcn.core.errors import UserError
from ucmgcn.evaluate.assess import RetrievalTask, assess, ceilings
from ucmgcn.evaluate.metrics import BESIDE, FLAVOURS, METRICS, Flavour, instance_recall, summarise
from ucmgcn.evaluate.ranking import DISTANCES, Distance, EmbeddingScorer, Measure

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Evaluation:
    """Metrics of embeddings; `print` shows them as a table.

    Attributes
    ----------
    metrics, ceilings
        Each metric, and its value for a perfect ranking. R@1, R@5 and R@10 need the exact models;
        their ceiling is 1.
    n_queries, n_models, n_categories
        Queries that were measured, models that were ranked, and the models' categories.
    n_left_out, left_out_categories
        Queries whose category no model has, and these categories.
    n_instance_queries
        Queries whose exact model is in the gallery; None where it was not asked for.
    flavour, distance, official_preprocess
        How it was measured.
    """

    metrics: dict[str, float]
    ceilings: dict[str, float]
    n_queries: int
    n_models: int
    n_categories: int
    n_left_out: int
    left_out_categories: list[str]
    n_instance_queries: int | None
    flavour: Flavour
    distance: Distance
    official_preprocess: bool

    def report(self) -> dict[str, Any]:
        """Return all of it in one dictionary, ready for JSON."""
        counted = self.n_instance_queries is not None
        return {
            **self.metrics,
            "ceilings": self.ceilings,
            "n_queries": self.n_queries,
            "n_models": self.n_models,
            "n_categories": self.n_categories,
            "n_left_out": self.n_left_out,
            "left_out_categories": self.left_out_categories,
            **({"n_instance_queries": self.n_instance_queries} if counted else {}),
            "flavour": self.flavour,
            "distance": self.distance,
            "official_preprocess": self.official_preprocess,
        }

    def table(self) -> pd.DataFrame:
        """Return the metrics as a table: a row each, with the columns value and perfect."""
        import pandas as pd

        return pd.DataFrame(
            {"value": self.metrics.values(), "perfect": map(self._perfect, self.metrics)},
            index=pd.Index(self.metrics, name="metric"),
        )

    def __str__(self) -> str:
        lines = [f"{'metric':<12}{'value':>9}{'perfect':>9}"]
        for name, value in self.metrics.items():
            lines.append(f"{name:<12}{value:>9.4f}{self._perfect(name):>9.4f}")
        preprocess = ", official preprocessing" if self.official_preprocess else ""
        lines.append(
            f"{self.n_queries} queries, {self.n_models} models, {self.n_categories} categories; "
            f"{self.flavour} metrics, {self.distance} distance{preprocess}"
        )
        if self.n_left_out:
            names = ", ".join(name or "(no label)" for name in self.left_out_categories)
            lines.append(f"left out: {self.n_left_out} queries without a model to find: {names}")
        return "\n".join(lines)

    def _perfect(self, metric: str) -> float:
        return self.ceilings.get(metric, 1.0)


@dataclass(frozen=True)
class Names:
    """Names of the parts of a `Side` in messages: arguments, or files, whose rows count from 1."""

    embeddings: str
    labels: str
    instances: str
    files: bool = False

    def row(self, part: str, number: int, word: str = "row") -> str:
        """Name a row of a part; `number` counts from 0."""
        return f"{part}, {word} {number + 1}" if self.files else f"{part}[{number}]"


@dataclass(frozen=True)
class Side:
    """The queries, or the models of the gallery.

    Attributes
    ----------
    embeddings
        Shape (n, d).
    labels
        Category of each row; an empty one means unlabelled.
    instances
        The exact model of each row, by a name; None where that is not known.
    names
        Their names in messages.
    """

    embeddings: npt.NDArray[Any]
    labels: Sequence[str]
    instances: Sequence[str] | None
    names: Names

    def check(self) -> None:
        """Raise UserError unless it holds a row of finite numbers for each label."""
        rows, names = self.embeddings, self.names
        if rows.ndim != 2 or not rows.size or rows.dtype.kind not in "fiu":
            raise UserError(
                f"{names.embeddings}: holds {rows.dtype} of shape {rows.shape}; "
                f"it must hold numbers, one row an item"
            )
        if len(rows) != len(self.labels):
            raise UserError(
                f"{names.embeddings}: {len(rows)} rows, but {names.labels} has "
                f"{len(self.labels)} labels"
            )
        finite = np.isfinite(rows).all(axis=1)
        if not finite.all():
            row = names.row(names.embeddings, int(np.argmin(finite)))
            raise UserError(f"{row}: it has a NaN or infinite value")
        if self.instances is not None and len(self.instances) != len(self.labels):
            raise UserError(
                f"{names.instances}: {len(self.instances)} names, but {names.labels} has "
                f"{len(self.labels)} labels"
            )


def evaluate_arrays(  # noqa: PLR0913 - one for each option of the command `ucmgcn evaluate`
    queries: npt.ArrayLike,
    query_labels: Sequence[str],
    models: npt.ArrayLike,
    model_labels: Sequence[str],
    *,
    query_instances: Sequence[str] | None = None,
    model_instances: Sequence[str] | None = None,
    distance: Distance = "cosine",
    official_preprocess: bool = False,
    flavour: Flavour = "official",
    skip_unknown: bool = False,
    threads: int = 2,
) -> Evaluation:
    """Measure how well queries find models of their category.

    Parameters
    ----------
    queries, models
        Embeddings of shapes (N, d) and (G, d).
    query_labels, model_labels
        A category for each row; None, NaN or an empty text means unlabelled.
    query_instances, model_instances
        For each query the name of the exact model that it shows, and the name of each model: adds
        R@1, R@5 and R@10.
    distance
        ``"cosine"`` or ``"euclidean"``.
    official_preprocess
        As the MI3DOR evaluator: set negative values to 0, L2-normalise, rank by Euclidean distance.
    flavour
        ``"official"``: the metrics of the MI3DOR evaluator. ``"legacy"``: those of the paper's
        repository, not comparable.
    skip_unknown
        Leave out, and count, queries without a model of their category.
    threads
        Cores that it may use; they change no number.

    Raises
    ------
    UserError
        If the arrays and labels do not fit together, hold values that are not finite, or a query
        has no model of its category.
    """
    for what, value, known in (("distance", distance, DISTANCES), ("flavour", flavour, FLAVOURS)):
        if value not in known:
            raise UserError(f"there is no {what} {value!r}; choose one of {', '.join(known)}")
    return evaluate_sides(
        _side("query", "queries", queries, query_labels, query_instances),
        _side("model", "models", models, model_labels, model_instances),
        Measure(distance, official_preprocess),
        flavour,
        skip_unknown,
        threads,
    )


def evaluate_sides(
    queries: Side,
    models: Side,
    measure: Measure,
    flavour: Flavour = "official",
    skip_unknown: bool = False,
    threads: int = 2,
) -> Evaluation:
    """Measure how well queries find models of their category, see `evaluate_arrays`."""
    task = _task(queries, models, skip_unknown)
    scorer = EmbeddingScorer(queries.embeddings, models.embeddings, measure)
    by_category = flavour == "legacy"
    result = assess(scorer, task, flavour=flavour, by_category=by_category, threads=threads)
    assert result.retrieval is not None  # _task sees to a query that is measured
    found = result.target[result.target > 0]
    reached, perfect = summarise(result.retrieval, flavour), ceilings(task, flavour)
    recalls = instance_recall(found) if len(found) else {}
    return Evaluation(
        metrics={name: reached[name] for name in (*METRICS, *BESIDE)} | recalls,
        ceilings={name: perfect[name] for name in (*METRICS, *BESIDE)},
        n_queries=int(task.evaluated.sum()),
        n_models=len(task.models),
        n_categories=len(task.categories),
        n_left_out=len(task.left_out),
        left_out_categories=sorted({label for _, label, _ in task.left_out}),
        n_instance_queries=None if task.instances is None else len(found),
        flavour=flavour,
        distance="euclidean" if measure.official_preprocess else measure.distance,
        official_preprocess=measure.official_preprocess,
    )


def _side(
    prefix: str,
    name: str,
    rows: npt.ArrayLike,
    labels: Sequence[Any],
    instances: Sequence[Any] | None,
) -> Side:
    names = Names(name, f"{prefix}_labels", f"{prefix}_instances")
    exact = None if instances is None else _texts(instances)
    return Side(np.asarray(rows), _texts(labels), exact, names)


def _texts(labels: Sequence[Any]) -> list[str]:
    """Convert labels to strings; missing ones (None, NaN, pandas.NA) become empty."""
    return ["" if _is_missing(label) else str(label) for label in labels]


def _is_missing(label: Any) -> bool:
    try:
        return label is None or bool(label != label)
    except TypeError:  # NA is neither equal to itself nor not
        return True


def _task(queries: Side, models: Side, skip_unknown: bool) -> RetrievalTask:
    """Check each side, and both against each other, and join them."""
    if (queries.instances is None) != (models.instances is None):
        raise UserError("query instances and model instances need each other; give both")
    queries.check()
    models.check()
    widths = queries.embeddings.shape[1], models.embeddings.shape[1]
    if widths[0] != widths[1]:
        raise UserError(
            f"{queries.names.embeddings} has {widths[0]} columns but {models.names.embeddings} "
            f"has {widths[1]}; both must come from one embedding space"
        )
    if models.instances is not None and len(set(models.instances)) < len(models.instances):
        raise UserError(f"{models.names.instances}: a name occurs twice; each model needs its own")
    task = RetrievalTask(
        queries=[str(i) for i in range(len(queries.labels))],
        models=models.instances or [str(i) for i in range(len(models.labels))],
        query_labels=queries.labels,
        model_labels=models.labels,
        instances=queries.instances,
    )
    _check_categories(task, queries.names, models.names, skip_unknown)
    return task


def _check_categories(task: RetrievalTask, queries: Names, models: Names, skip: bool) -> None:
    unknown: list[int] = np.flatnonzero(~task.evaluated).tolist()
    if not unknown or (skip and len(unknown) < len(task.queries)):
        return
    labels = [task.query_labels[i] for i in unknown]
    row = queries.row(queries.labels, unknown[0], "line")
    option = "--skip-unknown" if queries.files else "skip_unknown=True"
    mend = "correct the labels" + ("" if skip else f" or pass {option}")
    raise UserError(
        f"{row}: category {labels[0]!r} is not in {models.labels} "
        f"({len(unknown)} such queries, {len(set(labels))} such categories); {mend}"
    )
