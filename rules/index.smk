rule index:
    input:
        models=rules.manifest.output.models,
        graph=rules.graph.output.graph,
        nodes=rules.graph.output.nodes,
        checkpoint=expand(f"{TRAINED}/checkpoint.pt", seed=SEEDS[:1]),
        # The index says where these lie.
        encoder=f"{DESCRIBED}/encoder.onnx",
        views=rules.contact_sheet.input.views,
        view_features=rules.features.input.views,
    output:
        index=f"{RESULTS}/index/index.h5",
    log:
        f"{RESULTS}/logs/index.log",
    benchmark:
        f"{RESULTS}/benchmarks/index.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=grown(4000),
        runtime=grown(30),
    params:
        graph=section("graph"),
        propagation=section("propagation"),
        train=section("train", without="seeds"),
        seed=CONFIG.train.seeds[0],
        facts={
            "dataset": CONFIG.dataset,
            "kind": getattr(CONFIG, "kind", "folder"),
            "models": CONFIG.models,
            "render": section("render"),
            "features": section("features", without="allow_download"),
        },
        code=code_of("index.stage:build_index"),
    message:
        "freezing the "
        + ("network of seed {params.seed}" if PHOTOS else "graph")
        + ", for searches"
    script:
        "../workflow/scripts/index.py"
