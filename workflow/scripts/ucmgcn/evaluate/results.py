"""What the tables are made of: the runs of each method, and what all rows share."""

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
    """What all rows of the tables share.

    Attributes
    ----------
    dataset, backbone
        Names that stand in every row.
    task
        Queries and gallery.
    options
        How they were evaluated.
    split
        Where the split comes from; ``none`` where there is none.
    shapes
        Of the models, for the score of the 3D-FUTURE challenge.
    """

    dataset: str
    backbone: str
    task: RetrievalTask
    options: EvaluationOptions
    split: str = "none"
    shapes: Shapes | None = None

    def head(self, result: Result) -> dict[str, str]:
        """First cells of a row of a table that tells methods by data set and protocol."""
        return {
            "dataset": self.dataset, "method": result.method, "protocol": result.protocol
        }  # fmt: skip


@dataclass
class Result:
    """The runs of one method under one protocol, a run a seed."""

    method: str
    protocol: str
    supervision: str
    seeds: list[str] = field(default_factory=list)
    runs: list[Assessment] = field(default_factory=list)

    @property
    def label(self) -> str:
        """Name of the method with its protocol."""
        return f"{self.method} ({self.protocol})"

    @property
    def labelled(self) -> bool:
        """Whether there are categories to measure by."""
        return self.runs[0].retrieval is not None

    @property
    def retrievals(self) -> list[Retrieval]:
        """What was retrieved in each run.

        Raises
        ------
        ValueError
            If there are no labels.
        """
        found = [run.retrieval for run in self.runs if run.retrieval is not None]
        if len(found) < len(self.runs):
            raise ValueError("the task has no labels")
        return found

    def queries(self, metric: str) -> Floats:
        """Values of an attribute of `QueryMetrics`, averaged over the seeds: shape (n,)."""
        values = [getattr(found.queries, metric) for found in self.retrievals]
        return np.asarray(np.mean(values, axis=0), dtype=np.float64)
