"""Adapter: compute the feature maps of the views of a shard."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.adapt.maps import maps_product
from ucmgcn.core.devices import choose_device
from ucmgcn.features.encoders.open import open_trunk
from ucmgcn.features.encoders.spec import encoder_spec
from ucmgcn.features.stage import extract_view_features
from ucmgcn.pipeline.jobs import begin_job
from ucmgcn.settings import FeaturesConfig

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
p, config = snakemake.params, FeaturesConfig(**snakemake.params.config)
device, onnx = choose_device(p.device, snakemake.resources.gpu), Path(snakemake.input.trunk)
extract_view_features(
    Path(snakemake.input.views),
    Path(snakemake.output.maps),
    open_trunk(encoder_spec(config), p.blocks, device, onnx, config.batch),
    *(config, {"code": p.code}, snakemake.threads, maps_product(())),
)
