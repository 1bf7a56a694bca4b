"""The inputs of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ReportInputs:
    """The files of one data set.

    Attributes
    ----------
    metrics, per_category, confusion, ranking, pr_curve, significance
        Tables of the evaluate stage.
    rejected, warnings
        Tables of what the stages left out, and of their warnings.
    self_check
        What each mesh declares, what was drawn of it, and what looks wrong.
    models, images
        Manifests.
    views, image_features, view_features
        Shards.
    graph
        Summary of the graph, JSON.
    history, embeddings
        Files of each of the subject's seeds; the embeddings of the first are drawn.
    benchmarks
        Folder of Snakemake's benchmark files.
    root
        Folder of the project, for its Git commit.
    config
        The whole configuration, as plain values.
    subject
        The method that the report is about.
    challenge
        The table of the challenge's score, if the data set has one.
    """

    metrics: Path
    per_category: Path
    confusion: Path
    ranking: Path
    pr_curve: Path
    significance: Path
    rejected: Path
    warnings: Path
    self_check: Path
    models: Path
    images: Path
    views: Sequence[Path]
    image_features: Sequence[Path]
    view_features: Sequence[Path]
    graph: Path
    history: Sequence[Path]
    embeddings: Sequence[Path]
    benchmarks: Path
    root: Path
    config: Mapping[str, Any] = field(default_factory=dict)
    subject: str = "ucm-gcn"
    challenge: Sequence[Path] = ()
