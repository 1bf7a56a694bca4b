"""Adapter: describe the photos of a shard."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.config import FeaturesConfig
from ucmgcn.datasets import shard_members
from ucmgcn.datasets.source import read_source
from ucmgcn.devices import choose_device
from ucmgcn.encoders import open_encoder
from ucmgcn.features import extract_image_features
from ucmgcn.logs import configure_logging

if TYPE_CHECKING:
    from snakemake.script import snakemake

configure_logging(snakemake.log[0])
p, shard = snakemake.params, int(snakemake.wildcards.shard)
members = shard_members(read_source(p.source), "images", shard, p.shards)
config = FeaturesConfig(**snakemake.params.config)
device = choose_device(snakemake.params.device, snakemake.resources.gpu)
encoder = open_encoder(config.encoder, device, Path(snakemake.input.encoder), config.batch)
extract_image_features(
    [(item.id, Path(item.path)) for item in members],
    Path(snakemake.output.features),
    encoder,
    config,
    {"code": snakemake.params.code},
    threads=snakemake.threads,
)
