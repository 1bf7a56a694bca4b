"""Adapter: rank, measure, and write the tables."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.evaluate.options import EvaluationOptions
from ucmgcn.evaluate.stage import EvaluationInputs, evaluate_dataset
from ucmgcn.pipeline.jobs import begin_job

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
files = {
    name: [Path(path) for path in snakemake.input.get(name.replace("-", "_"))]
    for name in ("image_features", "view_features", *snakemake.params.learned)
}
inputs = EvaluationInputs(
    snakemake.params.dataset,
    snakemake.params.backbone,
    Path(snakemake.input.models),
    Path(snakemake.input.images),
    files.pop("image_features"),
    files.pop("view_features"),
    files,
    *snakemake.params.labels,
    split=snakemake.params.split,
    points=[Path(path) for path in snakemake.input.points],
)
options = EvaluationOptions(
    snakemake.params.baselines, threads=snakemake.threads, **snakemake.params.config
)
evaluate_dataset(inputs, Path(snakemake.output.metrics).parent, options)
