"""Adapter: rank, measure, and write the tables."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.evaluate.options import EvaluationOptions
from ucmgcn.evaluate.stage import EvaluationInputs, evaluate_dataset
from ucmgcn.pipeline.jobs import begin_job

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
p = snakemake.params
names = ("image_features", "view_features", "points", *p.learned, *p.probed)
files = {n: [Path(path) for path in snakemake.input.get(n.replace("-", "_"))] for n in names}
probed = {name.removeprefix("probe-"): files.pop(name) for name in p.probed}
inputs = EvaluationInputs(
    *(p.dataset, p.backbone, Path(snakemake.input.models), Path(snakemake.input.images)),
    *(files.pop("image_features"), files.pop("view_features")),
    points=files.pop("points"),
    learned=files,
    probed=probed,
    supervision=p.supervision,
    label_seed=p.label_seed,
    split=p.split,
)
options = EvaluationOptions(p.baselines, threads=snakemake.threads, **p.config)
evaluate_dataset(inputs, Path(snakemake.output.metrics).parent, options)
