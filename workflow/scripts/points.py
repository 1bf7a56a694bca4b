"""Adapter: draw points on the normalised shapes of a shard."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.datasets import shard_members
from ucmgcn.datasets.source import read_source
from ucmgcn.jobs import begin_job
from ucmgcn.limits import Limits
from ucmgcn.points import sample_shard

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
