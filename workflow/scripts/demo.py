"""Adapter: make the demo set."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.demo.build import build_demo
from ucmgcn.pipeline.jobs import begin_job

if TYPE_CHECKING:
    from snakemake.script import snakemake

# The worker processes import this file again; they have no job of their own.
if __name__ == "__main__":
    begin_job(snakemake.log[0])
    build_demo(
        Path(snakemake.output[0]),
        snakemake.params.seed,
        models_per_category=snakemake.params.models_per_category,
        photos_per_category=snakemake.params.photos_per_category,
        workers=snakemake.threads,
    )
