"""Adapter: render the models of a shard."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.config import RenderConfig
from ucmgcn.logs import configure_logging
from ucmgcn.manifest import read_items
from ucmgcn.render import render_shard

if TYPE_CHECKING:
    from snakemake.script import snakemake

configure_logging(snakemake.log[0])
render_shard(
    read_items(Path(snakemake.input.models)),
    Path(snakemake.output.views),
    RenderConfig(**snakemake.params.config),
    {"render": snakemake.params.config, "code": snakemake.params.code},
    threads=snakemake.threads,
)
