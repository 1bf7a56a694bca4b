OPEN_TRUNK = "features.encoders.open:open_trunk"
MAPS = f"{ADAPTED}/maps"


rule trunk:
    input:
        weights=checked(encoder_spec(CONFIG.features).named_files),
    output:
        onnx=f"{ADAPTED}/trunk.onnx",
    log:
        f"{RESULTS}/logs/trunk.log",
    benchmark:
        f"{RESULTS}/benchmarks/trunk.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=grown(2000),
        runtime=grown(10),
    params:
        config=section("features", without="allow_download"),
        blocks=CONFIG.adapt.blocks,
        code=code_of("features.encoders.halves:export_trunk"),
    message:
        "exporting {params.config[backbone]} without its last blocks to ONNX"
    script:
        "../workflow/scripts/trunk.py"


rule image_maps:
    input:
        DATA,
        trunk=rules.trunk.output.onnx,
    output:
        maps=update(f"{MAPS}/images/shard-{{shard}}.h5"),
    log:
        f"{RESULTS}/logs/image_maps/shard-{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/image_maps/shard-{{shard}}.tsv"
    conda:
        ENVIRONMENT
    threads: share_cores(CORES, CONFIG.shards.images)
    resources:
        mem_mb=grown(2000),
        runtime=grown(30),
        gpu=1,
    params:
        config=section("features", without="allow_download"),
        blocks=CONFIG.adapt.blocks,
        looks=list(CONFIG.adapt.looks),
        source=FILES,
        limits=section("limits"),
        shards=CONFIG.shards.images,
        members=lambda wildcards: PLAN.listing.images[int(wildcards.shard)],
        device=CONFIG.device,
        code=code_of(
            "adapt.maps:maps_product",
            "features.stage:extract_image_features",
            OPEN_TRUNK,
        ),
    message:
        "computing the feature maps of the photos of shard {wildcards.shard}"
    script:
        "../workflow/scripts/image_maps.py"


rule view_maps:
    input:
        views=f"{RESULTS}/views/shard-{{shard}}.h5",
        trunk=rules.trunk.output.onnx,
    output:
        maps=update(f"{MAPS}/views/shard-{{shard}}.h5"),
    log:
        f"{RESULTS}/logs/view_maps/shard-{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/view_maps/shard-{{shard}}.tsv"
    conda:
        ENVIRONMENT
    threads: share_cores(CORES, CONFIG.shards.models)
    resources:
        mem_mb=grown(2000),
        runtime=grown(30),
        gpu=1,
    params:
        config=section("features", without="allow_download"),
        blocks=CONFIG.adapt.blocks,
        device=CONFIG.device,
        code=code_of(
            "adapt.maps:maps_product",
            "features.stage:extract_view_features",
            OPEN_TRUNK,
        ),
    message:
        "computing the feature maps of the views of shard {wildcards.shard}"
    script:
        "../workflow/scripts/view_maps.py"


rule adapt:
    input:
        weights=rules.trunk.input.weights,
        image_maps=expand(f"{MAPS}/images/shard-{{shard}}.h5", shard=IMAGE_SHARDS),
        view_maps=expand(f"{MAPS}/views/shard-{{shard}}.h5", shard=MODEL_SHARDS),
    output:
        weights=f"{ADAPTED}/weights.safetensors",
        tail=f"{ADAPTED}/tail.onnx",
        encoder=f"{ADAPTED}/encoder.onnx",
        summary=f"{ADAPTED}/adapt.json",
        images=expand(f"{ADAPTED}/images/shard-{{shard}}.h5", shard=IMAGE_SHARDS),
        views=expand(f"{ADAPTED}/views/shard-{{shard}}.h5", shard=MODEL_SHARDS),
    log:
        f"{RESULTS}/logs/adapt.log",
    benchmark:
        f"{RESULTS}/benchmarks/adapt.tsv"
    conda:
        ENVIRONMENT
    threads: 8
    resources:
        mem_mb=grown(6000),
        runtime=grown(60),
        gpu=1,
    params:
        features=section("features", without="allow_download"),
        adapt=section("adapt"),
        graph=section("graph"),
        propagation=section("propagation"),
        train={key: getattr(CONFIG.train, key) for key in TRANSPORT},
        device=CONFIG.device,
        code=code_of("adapt.stage:adapt_encoder"),
    message:
        "teaching the last blocks of {params.features[backbone]} what the graph knows"
    script:
        "../workflow/scripts/adapt.py"
