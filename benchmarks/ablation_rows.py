"""The rows of the ablation: each part of the method off or swapped, one at a time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ucmgcn.settings import GraphConfig, PropagationConfig, Settings, TrainConfig

Changes = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes
    ----------
    name
        Name in the table; unique.
    group
        The part of the method that it changes.
    changes
        Settings that differ from the defaults, by dotted name.
    views
        Number of views of each model; 0 takes all.
    """

    name: str
    group: str
    changes: Changes = field(default_factory=dict)
    views: int = 0

    def settings(self, seed: int) -> Settings:
        """Return the defaults with the changes of this row; `seed` also chooses the labels."""
        parts = {"graph": GraphConfig(), "propagation": PropagationConfig(), "train": TrainConfig()}
        for name, value in self.changes.items():
            part, _, key = name.partition(".")
            parts[part] = replace(parts[part], **{key: value})  # type: ignore[type-var]
        train = replace(parts["train"], label_seed=seed)
        return Settings(parts["graph"], parts["propagation"], train, seed, "cpu")


def _swaps(group: str, key: str, *values: Any) -> list[Row]:
    return [Row(f"`{key}: {str(value).lower()}`", group, {key: value}) for value in values]


DEFAULT = Row("default", "default")

ROWS = [
    DEFAULT,
    Row("`train.supervision: source`", "labels", {"train.supervision": "source"}),
    *_swaps("matching", "train.matching", "nearest"),
    *_swaps("correlation loss", "train.correlation", "off", "agreement"),
    *_swaps("graph", "graph.model_pooling", "max"),
    *_swaps("graph", "graph.same_kind", False),
    *_swaps("rounds", "propagation.rounds", 0, 2),
    *_swaps("layers", "train.layers", 1, 3, 4),
    *_swaps("k", "graph.k", 5, 10, 30),
    *[Row(f"{n} view{'s' * (n > 1)} a model", "views", views=n) for n in (1, 3, 6, 20)],
    *_swaps("discrimination loss", "train.discrimination", "spectral"),
    *_swaps("graph", "graph.view_view", False),
    *_swaps("feature space", "graph.space", "raw", "centred"),
    *_swaps("graph", "graph.structure", "mean", "cosine"),
    *_swaps("graph", "graph.similarity", "mutual", "csls", "threshold"),
    *_swaps("layers", "train.per_relation", True),
    *_swaps("discrimination loss", "train.temperature", 0.2, 1.0),
    *_swaps("k", "graph.view_k", 1, 10),
    *_swaps("k", "propagation.neighbours", 5, 30),
    *_swaps("layers", "train.hops", 8),
    *_swaps("matching", "train.transport_entropy", 0.05, 0.2),
    *_swaps("matching", "train.transport_balance", 0.0, 0.5, 0.8, 0.9),
    *_swaps("correlation loss", "train.correlation_weight", 10.0),
    *_swaps("training", "train.epochs", 5, 60),
    *_swaps("training", "train.dropout", 0.0),
    *_swaps("training", "train.edge_dropout", 0.5),
    *_swaps("feature space", "graph.exponent", 0.25, 0.75),
    *_swaps("feature space", "graph.dims", 64, 256),
    *_swaps("propagation", "propagation.hops", 4, 16),
    *_swaps("propagation", "propagation.teleport", 0.2),
    *_swaps("own features", "propagation.residual", 0.2, 0.5),
]
