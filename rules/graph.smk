rule graph:
    input:
        images=rules.features.input.images,
        views=rules.features.input.views,
    output:
        graph=f"{GRAPH}/graph.h5",
        summary=f"{GRAPH}/graph.json",
        nodes=f"{GRAPH}/nodes.h5",
    log:
        f"{RESULTS}/logs/graph.log",
    benchmark:
        f"{RESULTS}/benchmarks/graph.tsv"
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=grown(3000),
        runtime=grown(30),
        gpu=1,
    params:
        config=section("graph"),
        device=CONFIG.device,
        code=code_of("graph.stage:build_graph"),
    message:
        "building the cross-media graph"
    script:
        "../workflow/scripts/graph.py"
