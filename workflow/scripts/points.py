"""Adapter: draw points on the normalised shapes of a shard."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.datasets.dataset import shard_members
from ucmgcn.datasets.source import read_source
from ucmgcn.evaluate.points import sample_shard
from ucmgcn.pipeline.jobs import begin_job
from ucmgcn.settings import Limits

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
p = snakemake.params
sample_shard(
    shard_members(read_source(p.source), "models", int(snakemake.wildcards.shard), p.shards),
    Path(snakemake.output.points),
    {"code": p.code},
    limits=Limits(**p.limits),
)
