rule crate:
    input:
        results=[
            rules.report.output.html,
            rules.index.output.index,
            *rules.manifest.output,
            *rules.rejected.output,
            *rules.self_check.output,
            *(rules.evaluate.output if PHOTOS else []),
            *expand(f"{TRAINED}/checkpoint.pt", seed=SEEDS),
            rules.index.input.encoder,
            rules.graph.output.graph,
        ],
        views=[rules.contact_sheet.input.views],
        view_features=[rules.features.input.views],
        image_features=[rules.features.input.images],
    output:
        metadata=f"{RESULTS}/ro-crate-metadata.json",
        snakefile=f"{RESULTS}/Snakefile",
    log:
        f"{RESULTS}/logs/crate.log",
    benchmark:
        f"{RESULTS}/benchmarks/crate.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=grown(1000),
        runtime=grown(10),
    params:
        config=asdict(CONFIG),
        code=code_of("report.crate:write_crate"),
    message:
        "writing what the run was made of"
    script:
        "../workflow/scripts/crate.py"
