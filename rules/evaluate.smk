rule evaluate:
    input:
        **{method: expand(path, seed=SEEDS) for method, path in BASELINES.items()},
        **{
            f"probe_{method}": expand(path, seed=SEEDS)
            for method, path in PROBES.items()
        },
        models=rules.manifest.output.models,
        images=rules.manifest.output.images,
        rejected=rules.rejected.output.table,
        image_features=rules.features.input.images,
        view_features=rules.features.input.views,
        ucm_gcn=expand(f"{TRAINED}/embeddings.h5", seed=SEEDS),
        k_reciprocal_centred=expand(
            BASELINES.get("mean_pool_centred", []), seed=SEEDS[:1]
        ),
        points=POINTS,
    output:
        metrics=report(
            f"{RESULTS}/tables/metrics.csv",
            category="Metrics",
            caption="../workflow/report/metrics.rst",
            labels={"shows": "all methods", "form": "table"},
        ),
        per_seed=f"{RESULTS}/tables/metrics_per_seed.csv",
        per_category=report(
            f"{RESULTS}/tables/metrics_per_category.csv",
            category="Metrics",
            caption="../workflow/report/per-category.rst",
            labels={"shows": "by category", "form": "table"},
        ),
        confusion=report(
            f"{RESULTS}/tables/confusion.csv",
            category="Metrics",
            caption="../workflow/report/confusion.rst",
            labels={"shows": "confusion", "form": "table"},
        ),
        ranking=f"{RESULTS}/tables/ranking.csv.gz",
        pr_curve=f"{RESULTS}/tables/pr_curve.csv",
        pr_plots=[
            report(
                f"{RESULTS}/tables/pr_curve.svg",
                category="Metrics",
                caption="../workflow/report/pr-curve.rst",
                labels={"shows": "precision and recall", "form": "chart"},
            ),
            f"{RESULTS}/tables/pr_curve.png",
        ],
        significance=report(
            f"{RESULTS}/tables/significance.csv",
            category="Metrics",
            caption="../workflow/report/significance.rst",
            labels={"shows": "paired tests", "form": "table"},
        ),
        left_out=f"{RESULTS}/tables/left_out.csv",
        challenge=[f"{RESULTS}/tables/challenge.csv"] if POINTS else [],
    log:
        f"{RESULTS}/logs/evaluate.log",
    benchmark:
        f"{RESULTS}/benchmarks/evaluate.tsv"
    conda:
        ENVIRONMENT
    threads: 4
    resources:
        mem_mb=grown(3000),
        runtime=grown(30),
    params:
        dataset=CONFIG.dataset,
        split=SOURCE.shown_split,
        backbone=CONFIG.features.backbone,
        config=section("evaluate", without="methods"),
        baselines=CONFIG.feature_baselines,
        learned=CONFIG.learned_methods if PHOTOS else [],
        probed=[f"probe-{method}" for method in CONFIG.probed_methods],
        supervision=dict.fromkeys(("ucm-gcn", "mlp", "ridge"), CONFIG.train.supervision),
        label_seed=CONFIG.train.label_seed,
        code=code_of("evaluate.stage:evaluate_dataset"),
    message:
        "ranking the models for every photo and computing the metrics"
    script:
        "../workflow/scripts/evaluate.py"
