"""Adapter: embed the baselines of one seed."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.core.devices import choose_device
from ucmgcn.datasets.roles import read_roles
from ucmgcn.pipeline.jobs import begin_job
from ucmgcn.settings import GraphConfig, PropagationConfig, Settings, TrainConfig
from ucmgcn.train.stage import train_baselines

if TYPE_CHECKING:
    from snakemake.script import snakemake

if __name__ == "__main__":  # the processes that it starts import it too
    begin_job(snakemake.log[0])
    settings = Settings(
        GraphConfig(**snakemake.params.graph),
        PropagationConfig(**snakemake.params.propagation),
        TrainConfig(**snakemake.params.train),
        int(snakemake.wildcards.seed),
        choose_device(snakemake.params.device, snakemake.resources.gpu),
    )
    files = {m: Path(snakemake.output[m.replace("-", "_")]) for m in snakemake.params.methods}
    labels = snakemake.params.train["supervision"], snakemake.params.train["label_seed"]
    roles = read_roles(Path(snakemake.input.images), *labels)
    known = Path(snakemake.input.graph), Path(snakemake.input.nodes)
    train_baselines(*known, files, settings, roles, snakemake.threads)
