"""Adapter: draw the contact sheet."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.pipeline.jobs import begin_job
from ucmgcn.render.contact_sheet import write_contact_sheet

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
write_contact_sheet([Path(path) for path in snakemake.input.views], Path(snakemake.output.sheet))
