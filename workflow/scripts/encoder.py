"""Adapter: export the encoder to ONNX."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.features.encoders.spec import encoder_spec
from ucmgcn.features.encoders.torch_encoder import export_onnx
from ucmgcn.pipeline.config import parse_config
from ucmgcn.pipeline.jobs import begin_job
from ucmgcn.settings import FeaturesConfig

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
# No parameter: that a download is allowed, or no longer, changes no feature and reruns nothing.
allowed = parse_config(snakemake.config).features.allow_download
config = FeaturesConfig(**snakemake.params.config, allow_download=allowed)
export_onnx(
    encoder_spec(config),
    Path(snakemake.output.onnx),
    cache=Path("results/.encoders"),
    code=snakemake.params.code,
)
