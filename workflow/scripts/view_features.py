"""Adapter: describe the views of a shard."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.config import FeaturesConfig
from ucmgcn.devices import choose_device
from ucmgcn.encoders import open_encoder
from ucmgcn.features import extract_view_features
from ucmgcn.jobs import begin_job

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
config = FeaturesConfig(**snakemake.params.config)
device = choose_device(snakemake.params.device, snakemake.resources.gpu)
encoder = open_encoder(config.encoder, device, Path(snakemake.input.encoder), config.batch)
extract_view_features(
    Path(snakemake.input.views),
    Path(snakemake.output.features),
    encoder,
    config,
    {"code": snakemake.params.code},
    threads=snakemake.threads,
)
