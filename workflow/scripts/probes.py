"""Adapter: train one seed on other photos: without a category, or with few."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.core.devices import choose_device
from ucmgcn.datasets.roles import read_roles
from ucmgcn.pipeline.jobs import begin_job
from ucmgcn.settings import GraphConfig, PropagationConfig, Settings, TrainConfig
from ucmgcn.train.stage import ProbeInputs, train_probes

if TYPE_CHECKING:
    from snakemake.script import snakemake

if __name__ == "__main__":  # the processes that it starts import it too
    begin_job(snakemake.log[0])
    p, inputs = snakemake.params, {k: Path(path) for k, path in snakemake.input.items()}
    settings = Settings(
        GraphConfig(**p.graph),
        PropagationConfig(**p.propagation),
        TrainConfig(**p.train),
        int(snakemake.wildcards.seed),
        choose_device(p.device, snakemake.resources.gpu),
    )
    files = {m: Path(snakemake.output[m.replace("-", "_")]) for m in p.methods}
    roles = read_roles(inputs["images"], p.train["supervision"], p.train["label_seed"])
    train_probes(ProbeInputs(**inputs), files, settings, p.wanted, roles, snakemake.threads)
