"""Adapter: propagate without a learned weight."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.datasets.roles import read_roles
from ucmgcn.pipeline.jobs import begin_job
from ucmgcn.settings import GraphConfig, PropagationConfig, Settings
from ucmgcn.train.stage import propagate

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
settings = Settings(
    GraphConfig(**snakemake.params.graph),
    PropagationConfig(**snakemake.params.propagation),
    None,
    0,
    "cpu",
)
propagate(
    Path(snakemake.input.graph),
    Path(snakemake.input.nodes),
    Path(snakemake.output.embeddings),
    settings,
    snakemake.params.folds,
    read_roles(Path(snakemake.input.images), *snakemake.params.labels),
)
