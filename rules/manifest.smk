rule manifest:
    input:
        DATA,
    output:
        models=f"{RESULTS}/manifest/models.csv",
        images=f"{RESULTS}/manifest/images.csv",
        rejected=f"{RESULTS}/manifest/rejected.csv",
    log:
        f"{RESULTS}/logs/manifest.log",
    benchmark:
        f"{RESULTS}/benchmarks/manifest.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=grown(1000),
        runtime=grown(5),
    params:
        source=plain(SOURCE),
        listing=lambda wildcards: PLAN.listing.files,
        code=code_of("datasets.dataset:write_dataset"),
    message:
        "listing the models of {params.source[models]}"
        + (" and the photos of {params.source[images]}" if PHOTOS else "")
    script:
        "../workflow/scripts/manifest.py"
