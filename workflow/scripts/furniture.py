"""Adapter: fetch Debian's package of furniture libraries."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.datasets.kinds.furniture_package import fetch
from ucmgcn.pipeline.jobs import begin_job

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
fetch(Path(snakemake.output[0]))
