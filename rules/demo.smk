rule demo:
    output:
        directory(str(DEMO)),
    log:
        f"{RESULTS}/logs/demo.log",
    benchmark:
        f"{RESULTS}/benchmarks/demo.tsv"
    conda:
        ENVIRONMENT
    threads: 8
    resources:
        mem_mb=grown(2000),
        runtime=grown(15),
    params:
        seed=CONFIG.demo.seed,
        models_per_category=CONFIG.demo.models_per_category,
        photos_per_category=CONFIG.demo.photos_per_category,
        code=code_of("demo.build:build_demo"),
    message:
        "making the demo set: meshes and photo-like pictures from a seed"
    script:
        "../workflow/scripts/demo.py"
