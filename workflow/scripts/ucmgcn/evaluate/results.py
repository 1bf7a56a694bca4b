"""The contents of the tables: the runs of each method, and the context of all rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ucmgcn.core.arrays import Floats
from ucmgcn.evaluate.assess import Assessment, RetrievalTask
from ucmgcn.evaluate.challenge import Shapes
from ucmgcn.evaluate.metrics import Retrieval
from ucmgcn.evaluate.options import EvaluationOptions


@dataclass(frozen=True)
class Context:
    """The context that all rows of the tables share.

    Attributes
    ----------
    dataset, backbone
        Names in every row.
    task
        Queries and gallery.
    options
        Options of the evaluation.
    split
        Source of the split; ``none`` if there is none.
    shapes
        Shapes of the models, for the score of the 3D-FUTURE challenge.
    draw
        Which of several draws of the photos this is; empty if there is only one.
    """

    dataset: str
    backbone: str
    task: RetrievalTask
    options: EvaluationOptions
    split: str = "none"
    shapes: Shapes | None = None
    draw: str = ""

    def head(self, result: Result) -> dict[str, str]:
        """Return the first cells of a row: data set, method and protocol."""
        return {
            "dataset": self.dataset, "method": result.method, "protocol": result.protocol
        }  # fmt: skip


@dataclass
class Result:
    """The runs of one method under one protocol, one per seed.

    Attributes
    ----------
    seen
        For each run, how many photos it was made of beside the query, on average over the queries;
        None if that is not known.
    """

    method: str
    protocol: str
    supervision: str
    seeds: list[str] = field(default_factory=list)
    runs: list[Assessment] = field(default_factory=list)
    seen: list[float | None] = field(default_factory=list)

    @property
    def label(self) -> str:
        """Name of the method with its protocol."""
        return f"{self.method} ({self.protocol})"

    @property
    def photos_seen(self) -> float | None:
        """`seen`, averaged over the runs."""
        known = [number for number in self.seen if number is not None]
        return round(float(np.mean(known))) if known else None

    @property
    def labelled(self) -> bool:
        """Whether there are categories, which most metrics need."""
        return self.runs[0].retrieval is not None

    @property
    def retrievals(self) -> list[Retrieval]:
        """The retrieval results of each run.

        Raises
        ------
        ValueError
            If the task has no labels.
        """
        found = [run.retrieval for run in self.runs if run.retrieval is not None]
        if len(found) < len(self.runs):
            raise ValueError("the task has no labels")
        return found

    def queries(self, metric: str) -> Floats:
        """Average an attribute of `QueryMetrics` over the seeds: shape (n,)."""
        values = [getattr(found.queries, metric) for found in self.retrievals]
        return np.asarray(np.mean(values, axis=0), dtype=np.float64)
