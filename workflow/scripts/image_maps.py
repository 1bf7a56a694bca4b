"""Adapter: compute the feature maps of the photos of a shard."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.adapt.maps import maps_product
from ucmgcn.core.devices import choose_device
from ucmgcn.datasets.dataset import shard_members
from ucmgcn.datasets.source import read_source
from ucmgcn.features.encoders.open import open_trunk
from ucmgcn.features.encoders.spec import encoder_spec
from ucmgcn.features.stage import extract_image_features
from ucmgcn.pipeline.jobs import begin_job
from ucmgcn.settings import FeaturesConfig, Limits

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
p, config = snakemake.params, FeaturesConfig(**snakemake.params.config)
rows = shard_members(read_source(p.source), "images", int(snakemake.wildcards.shard), p.shards)
device, onnx = choose_device(p.device, snakemake.resources.gpu), Path(snakemake.input.trunk)
extract_image_features(
    [(item.id, Path(item.path)) for item in rows],
    Path(snakemake.output.maps),
    open_trunk(encoder_spec(config), p.blocks, device, onnx, config.batch),
    *(config, {"code": p.code}, snakemake.threads, Limits(**p.limits), maps_product(p.looks)),
)
