"""Adapter: propagate without a learned weight."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.config import GraphConfig, PropagationConfig
from ucmgcn.jobs import begin_job
from ucmgcn.supervision import read_roles
from ucmgcn.train import Settings, propagate

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
