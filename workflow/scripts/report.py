"""Adapter: write the report."""

from pathlib import Path
from typing import TYPE_CHECKING

from ucmgcn.pipeline.jobs import begin_job
from ucmgcn.report.inputs import LibraryInputs, ReportInputs
from ucmgcn.report.stage import write_report

if TYPE_CHECKING:
    from snakemake.script import snakemake

begin_job(snakemake.log[0])
files = {
    name: Path(value) if isinstance(value, str) else [Path(path) for path in value]
    for name, value in snakemake.input.items()
}
kind = ReportInputs if "metrics" in files else LibraryInputs
inputs = kind(
    **files,
    benchmarks=Path(snakemake.params.benchmarks),
    root=Path(snakemake.scriptdir).parents[1],
    config=snakemake.params.config,
)
write_report(inputs, Path(snakemake.output.html), snakemake.threads)
