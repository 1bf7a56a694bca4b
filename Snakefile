from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.current_basedir}/config.yaml"


report: "workflow/report/workflow.rst"


include: "rules/common.smk"
include: "rules/demo.smk"
include: "rules/sweethome3d.smk"
include: "rules/manifest.smk"
include: "rules/render.smk"
include: "rules/points.smk"
include: "rules/features.smk"
include: "rules/adapt.smk"
include: "rules/graph.smk"
include: "rules/train.smk"
include: "rules/index.smk"
include: "rules/evaluate.smk"
include: "rules/report.smk"
include: "rules/crate.smk"


rule all:
    default_target: True
    input:
        rules.evaluate.output if PHOTOS else [],
        rules.report.output,
        rules.crate.output,
        rules.index.output,
        rules.render.input,
