"""Adapter: read the views that models of a shard come with."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.datasets.dataset import shard_members
from ucmgcn.datasets.source import read_source
from ucmgcn.pipeline.jobs import begin_job
from ucmgcn.render.given_views import read_views_shard
from ucmgcn.settings import Limits

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
p = snakemake.params
read_views_shard(
    shard_members(read_source(p.source), "models", int(snakemake.wildcards.shard), p.shards),
    Path(snakemake.output.views),
    p.config["given"],
    p.config["size"],
    p.config["elevation"],
    {"views": p.config, "code": p.code},
    limits=Limits(**p.limits),
)
