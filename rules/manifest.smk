rule manifest:
    input:
        [str(DEMO)] if CONFIG.uses_demo else [],
    output:
        models=f"{RESULTS}/manifest/models.csv",
        images=f"{RESULTS}/manifest/images.csv",
        rejected=f"{RESULTS}/manifest/rejected.csv",
        model_shards=expand(
            f"{RESULTS}/manifest/models/shard-{{shard}}.csv", shard=MODEL_SHARDS
        ),
        image_shards=expand(
            f"{RESULTS}/manifest/images/shard-{{shard}}.csv", shard=IMAGE_SHARDS
        ),
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
        shards=section("shards"),
        listing=LISTING.files,
        code=code_digest("manifest"),
    message:
        "listing the models of {params.models} and the photos of {params.images}"
    script:
        "../workflow/scripts/manifest.py"
