"""Adapter: export the encoder to ONNX."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.config import FeaturesConfig
from ucmgcn.encoders.torch_encoder import export_onnx
from ucmgcn.jobs import begin_job

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
download = bool(snakemake.resources.download)
config = FeaturesConfig(**snakemake.params.config, allow_download=download)
export_onnx(config.encoder, Path(snakemake.output.onnx), cache=Path("results/.encoders"))
