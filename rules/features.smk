rule encoder:
    output:
        onnx=f"{FEATURES}/encoder.onnx",
    log:
        f"{RESULTS}/logs/encoder.log",
    benchmark:
        f"{RESULTS}/benchmarks/encoder.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        config=section("features"),
        code=code_digest("encoders"),
    message:
        "exporting {params.config[backbone]} to ONNX"
    script:
        "../workflow/scripts/encoder.py"


rule image_features:
    input:
        DATA,
        encoder=rules.encoder.output.onnx,
    output:
        features=f"{FEATURES}/images/shard-{{shard}}.h5",
    log:
        f"{RESULTS}/logs/image_features/shard-{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/image_features/shard-{{shard}}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=1,
    params:
        config=section("features"),
        images=CONFIG.images,
        shards=CONFIG.shards.images,
        members=lambda wildcards: LISTING.images[int(wildcards.shard)],
        device=CONFIG.device,
        code=code_digest("features"),
    message:
        "describing the photos of shard {wildcards.shard}"
    script:
        "../workflow/scripts/image_features.py"


rule view_features:
    input:
        views=f"{RESULTS}/views/shard-{{shard}}.h5",
        encoder=rules.encoder.output.onnx,
    output:
        features=f"{FEATURES}/views/shard-{{shard}}.h5",
    log:
        f"{RESULTS}/logs/view_features/shard-{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/view_features/shard-{{shard}}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=1,
    params:
        config=section("features"),
        device=CONFIG.device,
        code=code_digest("features"),
    message:
        "describing the views of shard {wildcards.shard}"
    script:
        "../workflow/scripts/view_features.py"


rule features:
    input:
        images=expand(f"{FEATURES}/images/shard-{{shard}}.h5", shard=IMAGE_SHARDS),
        views=expand(f"{FEATURES}/views/shard-{{shard}}.h5", shard=MODEL_SHARDS),


rule rejected:
    input:
        manifest=rules.manifest.output.rejected,
        views=rules.contact_sheet.input.views,
        images=rules.features.input.images,
    output:
        table=f"{RESULTS}/tables/rejected.csv",
    log:
        f"{RESULTS}/logs/rejected.log",
    benchmark:
        f"{RESULTS}/benchmarks/rejected.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=code_digest("rejected"),
    message:
        "listing the files that were left out"
    script:
        "../workflow/scripts/rejected.py"
