# Their adapters call it besides the stage itself.
OPEN_ENCODER = "features.encoders.open:open_encoder"


rule encoder:
    input:
        weights=checked(encoder_spec(CONFIG.features).named_files),
    output:
        onnx=f"{FEATURES}/encoder.onnx",
    log:
        f"{RESULTS}/logs/encoder.log",
    benchmark:
        f"{RESULTS}/benchmarks/encoder.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=grown(2000),
        runtime=grown(10),
    params:
        config=section("features", without="allow_download"),
        code=code_of("features.encoders.torch_encoder:export_onnx"),
    message:
        "exporting {params.config[backbone]} to ONNX"
    script:
        "../workflow/scripts/encoder.py"


rule image_features:
    input:
        DATA,
        encoder=rules.encoder.output.onnx,
    output:
        # Kept while it is rebuilt: what is still true in it is taken over.
        features=update(f"{FEATURES}/images/shard-{{shard}}.h5"),
    log:
        f"{RESULTS}/logs/image_features/shard-{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/image_features/shard-{{shard}}.tsv"
    conda:
        ENVIRONMENT
    threads: share_cores(CORES, CONFIG.shards.images)
    resources:
        mem_mb=grown(2000),
        runtime=grown(30),
        gpu=1,
    params:
        config=section("features", without="allow_download"),
        source=FILES,
        limits=section("limits"),
        shards=CONFIG.shards.images,
        members=lambda wildcards: PLAN.listing.images[int(wildcards.shard)],
        device=CONFIG.device,
        code=code_of("features.stage:extract_image_features", OPEN_ENCODER),
    message:
        "describing the photos of shard {wildcards.shard}"
    script:
        "../workflow/scripts/image_features.py"


rule view_features:
    input:
        views=f"{RESULTS}/views/shard-{{shard}}.h5",
        encoder=rules.encoder.output.onnx,
    output:
        features=update(f"{FEATURES}/views/shard-{{shard}}.h5"),
    log:
        f"{RESULTS}/logs/view_features/shard-{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/view_features/shard-{{shard}}.tsv"
    conda:
        ENVIRONMENT
    threads: share_cores(CORES, CONFIG.shards.models)
    resources:
        mem_mb=grown(2000),
        runtime=grown(30),
        gpu=1,
    params:
        config=section("features", without="allow_download"),
        device=CONFIG.device,
        code=code_of("features.stage:extract_view_features", OPEN_ENCODER),
    message:
        "describing the views of shard {wildcards.shard}"
    script:
        "../workflow/scripts/view_features.py"


rule features:
    input:
        images=expand(f"{DESCRIBED}/images/shard-{{shard}}.h5", shard=IMAGE_SHARDS),
        views=expand(f"{DESCRIBED}/views/shard-{{shard}}.h5", shard=MODEL_SHARDS),


rule rejected:
    input:
        manifest=rules.manifest.output.rejected,
        views=rules.contact_sheet.input.views,
        images=rules.features.input.images,
        points=POINTS,
    output:
        table=report(
            f"{RESULTS}/tables/rejected.csv",
            category="Files left out",
            caption="../workflow/report/rejected.rst",
            labels={"shows": "rejected files"},
        ),
        warnings=report(
            f"{RESULTS}/tables/warnings.csv",
            category="Files left out",
            caption="../workflow/report/warnings.rst",
            labels={"shows": "warnings"},
        ),
    log:
        f"{RESULTS}/logs/rejected.log",
    benchmark:
        f"{RESULTS}/benchmarks/rejected.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=grown(1000),
        runtime=grown(5),
    params:
        code=code_of("datasets.rejected:gather_rejected"),
    message:
        "listing the files that were left out, and the warnings"
    script:
        "../workflow/scripts/rejected.py"
