"""The score of the 3D-FUTURE retrieval challenge (IJCAI-PRICAI 2020).

score = 0.65 x 100 x (share of photos whose exact model ranks first) + 0.35 x F. F is the mean
F-score, in percent, of the first five shapes against the true one. Precision and recall count the
points that have a point of the other shape nearby. The challenge's evaluator compares the *squared*
distance with its threshold of 0.04, so that points within a distance of 0.2 count; `Tally.score`
does the same. `Tally.strict` takes 0.04 as a distance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from ucmgcn.core.arrays import Floats
from ucmgcn.evaluate.assess import Assessment, RetrievalTask
from ucmgcn.files.shards import open_shard

THRESHOLD = 0.04
RADII = (THRESHOLD**0.5, THRESHOLD)
DEPTH = 5
WEIGHTS = (0.65, 0.35)


@dataclass(frozen=True)
class Tally:
    """The challenge's numbers of one run.

    Attributes
    ----------
    top1
        Share of the photos whose exact model ranks first.
    f, strict
        Mean F-score of the first five shapes in percent, with the evaluator's squared distances
        and with plain ones.
    n_queries, n_without_points
        Number of photos scored, and of photos left out because the true shape has no points.
    """

    top1: float
    f: float
    strict: float
    n_queries: int
    n_without_points: int

    @property
    def score(self) -> float:
        """The challenge's score, 0 to 100."""
        return WEIGHTS[0] * 100 * self.top1 + WEIGHTS[1] * self.f


def f_scores(found: Floats, true: Floats, radii: Sequence[float] = RADII) -> tuple[float, ...]:
    """Compute the F-scores, in percent, of a shape against the true one, for each radius.

    Parameters
    ----------
    found, true
        Points of shapes (n, 3) and (m, 3).
    radii
        A point counts if the other shape has a point within this distance.
    """
    to_true, _ = cKDTree(true).query(found)
    to_found, _ = cKDTree(found).query(true)
    return tuple(_harmonic((to_true <= r).mean(), (to_found <= r).mean()) for r in radii)


class Shapes:
    """F-scores of pairs of models, each computed once.

    Parameters
    ----------
    points
        Points of the models, by model id.
    """

    def __init__(self, points: Mapping[str, Floats]) -> None:
        self.points = points
        self._known: dict[tuple[str, str], tuple[float, ...]] = {}

    def compare(self, found: str, true: str) -> tuple[float, ...]:
        """Return the F-scores of a found model, 0 if it has no points."""
        if found not in self.points:
            return (0.0,) * len(RADII)
        if (found, true) not in self._known:
            self._known[found, true] = f_scores(self.points[found], self.points[true])
        return self._known[found, true]


def tally(run: Assessment, task: RetrievalTask, shapes: Shapes) -> Tally | None:
    """Score one run; None if no photo has its exact model in the gallery."""
    targets = task.targets
    known = [q for q in np.flatnonzero(targets >= 0) if task.models[targets[q]] in shapes.points]
    if not known:
        return None
    f = [
        np.mean(
            [
                shapes.compare(task.models[found], task.models[targets[q]])
                for found in run.top[q, :DEPTH]
            ],
            axis=0,
        )
        for q in known
    ]
    top1 = float((run.target[known] == 1).mean())
    official, strict = np.mean(f, axis=0)
    return Tally(
        top1, float(official), float(strict), len(known), int((targets >= 0).sum() - len(known))
    )


def challenge_row(
    runs: Sequence[Assessment], task: RetrievalTask, shapes: Shapes
) -> dict[str, Any]:
    """Average over the seeds, with the sd of the score; empty if nothing can be scored."""
    tallies = [t for t in (tally(run, task, shapes) for run in runs) if t]
    if not tallies:
        return {}
    scores = [t.score for t in tallies]
    return {
        "n_seeds": len(tallies),
        "n_queries": tallies[0].n_queries,
        "n_without_points": tallies[0].n_without_points,
        "top1": np.mean([t.top1 for t in tallies]),
        "F": np.mean([t.f for t in tallies]),
        "score": np.mean(scores),
        "score_std": np.std(scores, ddof=1) if len(scores) > 1 else None,
        "F_strict": np.mean([t.strict for t in tallies]),
    }


def _harmonic(precision: float, recall: float) -> float:
    total = precision + recall
    return float(200.0 * precision * recall / total) if total else 0.0


def read_points(paths: Iterable[Path]) -> dict[str, Floats]:
    """Read the points of all shards, by model id."""
    found: dict[str, Floats] = {}
    for path in paths:
        with open_shard(path, "points") as shard:
            found.update(zip(shard.ids, shard.array[:].astype(np.float64), strict=True))
    return found
