"""Adapter: describe the photos of a shard."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.core.devices import choose_device
from ucmgcn.datasets.dataset import shard_members
from ucmgcn.datasets.source import read_source
from ucmgcn.features.encoders.open import open_encoder
from ucmgcn.features.encoders.spec import encoder_spec
from ucmgcn.features.stage import extract_image_features
from ucmgcn.pipeline.jobs import begin_job
from ucmgcn.settings import FeaturesConfig, Limits

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
p, shard = snakemake.params, int(snakemake.wildcards.shard)
files, config = read_source(p.source), FeaturesConfig(**p.config)
device = choose_device(p.device, snakemake.resources.gpu)
encoder = open_encoder(encoder_spec(config), device, Path(snakemake.input.encoder), config.batch)
extract_image_features(
    [(item.id, Path(item.path)) for item in shard_members(files, "images", shard, p.shards)],
    Path(snakemake.output.features),
    encoder,
    config,
    {"code": p.code},
    *(snakemake.threads, Limits(**p.limits)),
)
