"""Adapter: teach the encoder's last blocks what the graph knows."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.adapt.stage import AdaptFiles, AdaptSettings, adapt_encoder
from ucmgcn.adapt.targets import GraphSettings
from ucmgcn.core.devices import choose_device
from ucmgcn.features.encoders.spec import encoder_spec
from ucmgcn.pipeline.jobs import begin_job
from ucmgcn.settings import AdaptConfig, FeaturesConfig, GraphConfig, PropagationConfig, TrainConfig

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
p, read, made = snakemake.params, snakemake.input, snakemake.output
graph = GraphConfig(**p.graph), PropagationConfig(**p.propagation), TrainConfig(**p.train)
settings = AdaptSettings(
    AdaptConfig(**p.adapt),
    GraphSettings(*graph),
    choose_device(p.device, snakemake.resources.gpu),
)
files = AdaptFiles(
    *([Path(path) for path in paths] for paths in (read.image_maps, read.view_maps)),
    *(Path(path) for path in (made.weights, made.tail, made.encoder, made.summary)),
    *([Path(path) for path in paths] for paths in (made.images, made.views)),
)
adapt_encoder(files, encoder_spec(FeaturesConfig(**p.features)), settings)
