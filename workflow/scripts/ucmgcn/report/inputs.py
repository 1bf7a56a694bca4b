"""The inputs of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class LibraryInputs:
    """The files of one data set without photos, and those of any.

    Attributes
    ----------
    rejected, warnings
        Tables of what the stages left out, and of their warnings.
    self_check
        What each mesh declares, what was drawn of it, and what looks wrong.
    models, images
        Manifests.
    views, view_features, image_features
        Shards; of the photos there may be none.
    graph
        Summary of the graph, JSON.
    embeddings
        Files of each of the subject's seeds; the embeddings of the first are drawn.
    benchmarks
        Folder of Snakemake's benchmark files.
    root
        Folder of the project, for its Git commit.
    config
        The whole configuration, as plain values.
    subject
        The method that the report is about.
    """

    rejected: Path
    warnings: Path
    self_check: Path
    models: Path
    images: Path
    views: Sequence[Path]
    view_features: Sequence[Path]
    image_features: Sequence[Path] = ()
    graph: Path
    embeddings: Sequence[Path]
    benchmarks: Path
    root: Path
    config: Mapping[str, Any] = field(default_factory=dict)
    subject: str = "propagation"

    @property
    def shown(self) -> list[Path]:
        """The files behind the page, without the shards."""
        return [
            self.models, self.images, self.graph, *self.embeddings, self.rejected, self.warnings,
            self.self_check,
        ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ReportInputs(LibraryInputs):
    """The files of one data set that was searched with photos, and measured.

    Attributes
    ----------
    metrics, per_category, confusion, ranking, pr_curve, significance
        Tables of the evaluate stage.
    history
        Files of each of the subject's seeds.
    challenge
        The table of the challenge's score, if the data set has one.
    adapt
        Summary of the adapted encoder, JSON, if it was adapted.
    """

    metrics: Path
    per_category: Path
    confusion: Path
    ranking: Path
    pr_curve: Path
    significance: Path
    history: Sequence[Path]
    subject: str = "ucm-gcn"
    challenge: Sequence[Path] = ()
    adapt: Sequence[Path] = ()

    @property
    def shown(self) -> list[Path]:
        """The files behind the page, without the shards."""
        return [
            *super().shown, *self.history, self.metrics, self.per_category, self.confusion,
            self.ranking, self.pr_curve, self.significance,
        ]  # fmt: skip
