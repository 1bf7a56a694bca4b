rule evaluate:
    input:
        models=rules.manifest.output.models,
        images=rules.manifest.output.images,
        rejected=rules.rejected.output.table,
        image_features=rules.features.input.images,
        view_features=rules.features.input.views,
        ucm_gcn=expand(rules.train_seed.output.embeddings, seed=CONFIG.train.seeds),
        propagation=rules.propagation.output.embeddings,
    output:
        metrics=report(
            f"{RESULTS}/tables/metrics.csv",
            category="Metrics",
            caption="../workflow/report/metrics.rst",
        ),
        per_seed=f"{RESULTS}/tables/metrics_per_seed.csv",
        per_category=f"{RESULTS}/tables/metrics_per_category.csv",
        confusion=f"{RESULTS}/tables/confusion.csv",
        ranking=f"{RESULTS}/tables/ranking.csv.gz",
        pr_curve=f"{RESULTS}/tables/pr_curve.csv",
        significance=f"{RESULTS}/tables/significance.csv",
    params:
        dataset=CONFIG.dataset,
        backbone=CONFIG.features.backbone,
        config=section("evaluate"),
        code=code_digest("evaluate"),
    log:
        f"{RESULTS}/logs/evaluate.log",
    benchmark:
        f"{RESULTS}/benchmarks/evaluate.tsv"
    threads: 4
    resources:
        mem_mb=3000,
        runtime=30,
    conda:
        ENVIRONMENT
    message:
        "ranking the models for every photo and computing the metrics"
    script:
        "../workflow/scripts/evaluate.py"
