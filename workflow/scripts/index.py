"""Adapter: freeze what was trained, for searches."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.index.stage import IndexInputs, build_index
from ucmgcn.pipeline.jobs import begin_job
from ucmgcn.settings import GraphConfig, PropagationConfig, Settings, TrainConfig

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
p = snakemake.params
settings = Settings(
    GraphConfig(**p.graph),
    PropagationConfig(**p.propagation),
    TrainConfig(**p.train),
    p.seed,
    "cpu",
)
files = {
    name: Path(value) if isinstance(value, str) else [Path(path) for path in value]
    for name, value in snakemake.input.items()
}
build_index(IndexInputs(**files), Path(snakemake.output.index), settings, p.facts)
