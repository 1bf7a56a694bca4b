"""Adapter: build the cross-media graph."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.core.devices import choose_device
from ucmgcn.graph.self_test import check_dgl
from ucmgcn.graph.stage import build_graph
from ucmgcn.pipeline.jobs import begin_job
from ucmgcn.settings import GraphConfig

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
check_dgl()
build_graph(
    [Path(path) for path in snakemake.input.images],
    [Path(path) for path in snakemake.input.views],
    Path(snakemake.output.graph),
    Path(snakemake.output.summary),
    Path(snakemake.output.nodes),
    GraphConfig(**snakemake.params.config),
    choose_device(snakemake.params.device, snakemake.resources.gpu),
)
