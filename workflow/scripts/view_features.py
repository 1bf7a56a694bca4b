"""Adapter: describe the views of a shard."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.core.devices import choose_device
from ucmgcn.features.encoders.open import open_encoder
from ucmgcn.features.encoders.spec import encoder_spec
from ucmgcn.features.stage import extract_view_features
from ucmgcn.pipeline.jobs import begin_job
from ucmgcn.settings import FeaturesConfig

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
config = FeaturesConfig(**snakemake.params.config)
device = choose_device(snakemake.params.device, snakemake.resources.gpu)
encoder = open_encoder(encoder_spec(config), device, Path(snakemake.input.encoder), config.batch)
extract_view_features(
    Path(snakemake.input.views),
    Path(snakemake.output.features),
    encoder,
    config,
    {"code": snakemake.params.code},
    threads=snakemake.threads,
)
