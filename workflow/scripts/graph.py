"""Adapter: build the cross-media graph."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.config import GraphConfig
from ucmgcn.devices import choose_device
from ucmgcn.graph import build_graph
from ucmgcn.jobs import begin_job

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
build_graph(
    [Path(path) for path in snakemake.input.images],
    [Path(path) for path in snakemake.input.views],
    Path(snakemake.output.graph),
    Path(snakemake.output.summary),
    Path(snakemake.output.nodes),
    GraphConfig(**snakemake.params.config),
    choose_device(snakemake.params.device, snakemake.resources.gpu),
)
