"""Adapter: rank, measure, and write the tables."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.evaluate import EvaluationInputs, EvaluationOptions, evaluate_dataset
from ucmgcn.logs import configure_logging

if TYPE_CHECKING:
    from snakemake.script import snakemake

configure_logging(snakemake.log[0])
paths = {
    name: [Path(path) for path in files] if not isinstance(files, str) else [Path(files)]
    for name, files in snakemake.input.items()
}
inputs = EvaluationInputs(
    dataset=snakemake.params.dataset,
    backbone=snakemake.params.backbone,
    models=paths["models"][0],
    images=paths["images"][0],
    image_features=paths["image_features"],
    view_features=paths["view_features"],
    learned={name: paths[name.replace("-", "_")] for name in snakemake.params.learned},
)
options = EvaluationOptions(**snakemake.params.config, threads=snakemake.threads)
evaluate_dataset(inputs, Path(snakemake.output.metrics).parent, options)
