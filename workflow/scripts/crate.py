"""Adapter: say what the run was made of and what it made."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.pipeline.jobs import begin_job
from ucmgcn.report.crate import CrateInputs, write_crate

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
write_crate(
    CrateInputs(**{name: [Path(f) for f in files] for name, files in snakemake.input.items()}),
    Path(snakemake.output.metadata),
    Path(snakemake.scriptdir).parents[1],
    snakemake.params.config,
)
