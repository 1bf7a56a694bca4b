"""Options of the evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ucmgcn.evaluate.baselines import BASELINES
from ucmgcn.evaluate.metrics import Flavour
from ucmgcn.evaluate.ranking import Distance, Measure


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of the evaluation; none is tuned on labels.

    Attributes
    ----------
    baselines
        Names from `ucmgcn.evaluate.baselines.BASELINES`.
    subject
        The method that `significance.csv` compares with every other one.
    protocols
        Protocols of the methods that have embeddings, of those in their files `embeddings.h5`.
    flavour, distance, official_preprocess
        See `ucmgcn.evaluate.metrics` and `ucmgcn.evaluate.ranking.Measure`.
    top
        Depth of `ranking.csv.gz`.
    resamples, seed
        Number of bootstrap samples, and the seed of their draws.
    block_size, threads
        Queries per block (None: by memory), and threads; neither changes a result.
    """

    baselines: Sequence[str] = BASELINES
    subject: str = "ucm-gcn"
    protocols: Sequence[str] = ("transductive", "inductive")
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
