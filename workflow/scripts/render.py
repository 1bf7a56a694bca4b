"""Adapter: render the models of a shard."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.core.devices import claim_gpu
from ucmgcn.datasets.dataset import shard_members
from ucmgcn.datasets.source import read_source
from ucmgcn.pipeline.jobs import begin_job
from ucmgcn.render.stage import render_shard
from ucmgcn.settings import Limits, RenderConfig

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
p = snakemake.params
render_shard(
    shard_members(read_source(p.source), "models", int(snakemake.wildcards.shard), p.shards),
    Path(snakemake.output.views),
    RenderConfig(**p.config),
    {"render": p.config, "code": p.code},
    threads=snakemake.threads,
    gpus=claim_gpu(snakemake.resources.gpu),
    limits=Limits(**p.limits),
)
