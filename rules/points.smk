rule points:
    input:
        DATA,
    output:
        points=f"{RESULTS}/points/shard-{{shard}}.h5",
    log:
        f"{RESULTS}/logs/points/shard-{{shard}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/points/shard-{{shard}}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=grown(2000),
        runtime=grown(30),
    params:
        source=FILES,
        limits=section("limits"),
        shards=CONFIG.shards.models,
        members=lambda wildcards: PLAN.listing.models[int(wildcards.shard)],
        code=code_of("evaluate.points:sample_shard"),
    message:
        "drawing points on the shapes of shard {wildcards.shard}"
    script:
        "../workflow/scripts/points.py"
