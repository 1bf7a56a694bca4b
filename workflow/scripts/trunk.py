"""Adapter: export the encoder without its last blocks."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.features.encoders.halves import export_trunk
from ucmgcn.features.encoders.spec import encoder_spec
from ucmgcn.pipeline.config import parse_config
from ucmgcn.pipeline.jobs import begin_job
from ucmgcn.settings import FeaturesConfig

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
p = snakemake.params
allowed = parse_config(snakemake.config).features.allow_download
spec = encoder_spec(FeaturesConfig(**p.config, allow_download=allowed))
export_trunk(spec, p.blocks, Path(snakemake.output.onnx))
