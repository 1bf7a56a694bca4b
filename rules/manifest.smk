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
        mem_mb=1000,
        runtime=5,
    params:
        models=CONFIG.models,
        images=CONFIG.images,
        listing=LISTING.files,
        code=code_digest("manifest"),
    message:
        "listing the models of {params.models} and the photos of {params.images}"
    script:
        "../workflow/scripts/manifest.py"
