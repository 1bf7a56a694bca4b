"""Adapter: rank, measure, and write the tables."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.evaluate import EvaluationInputs, EvaluationOptions, evaluate_dataset
from ucmgcn.logs import configure_logging

if TYPE_CHECKING:
    from snakemake.script import snakemake

configure_logging(snakemake.log[0])


def paths(name):
    """Files of one named input."""
    return [Path(path) for path in snakemake.input[name.replace("-", "_")]]


inputs = EvaluationInputs(
    dataset=snakemake.params.dataset,
    backbone=snakemake.params.backbone,
    models=Path(snakemake.input.models),
    images=Path(snakemake.input.images),
    image_features=paths("image_features"),
    view_features=paths("view_features"),
    learned={name: paths(name) for name in snakemake.params.learned},
)
options = EvaluationOptions(
    controls=snakemake.params.controls, threads=snakemake.threads, **snakemake.params.config
)
evaluate_dataset(inputs, Path(snakemake.output.metrics).parent, options)
