"""Adapter: describe the photos of a shard."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.config import FeaturesConfig
from ucmgcn.datasets import shard_members
from ucmgcn.datasets.source import read_source
from ucmgcn.devices import choose_device
from ucmgcn.encoders import open_encoder
from ucmgcn.features import extract_image_features
from ucmgcn.jobs import begin_job
from ucmgcn.limits import Limits

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
p, shard = snakemake.params, int(snakemake.wildcards.shard)
files, config = read_source(p.source), FeaturesConfig(**p.config)
device = choose_device(p.device, snakemake.resources.gpu)
encoder = open_encoder(config.encoder, device, Path(snakemake.input.encoder), config.batch)
extract_image_features(
    [(item.id, Path(item.path)) for item in shard_members(files, "images", shard, p.shards)],
    Path(snakemake.output.features),
    encoder,
    config,
    {"code": p.code},
    *(snakemake.threads, Limits(**p.limits)),
)
