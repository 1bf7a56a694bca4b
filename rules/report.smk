# What there is to report of photos, and of models alone.
OF_PHOTOS = {
    "metrics": rules.evaluate.output.metrics,
    "per_category": rules.evaluate.output.per_category,
    "confusion": rules.evaluate.output.confusion,
    "ranking": rules.evaluate.output.ranking,
    "pr_curve": rules.evaluate.output.pr_curve,
    "significance": rules.evaluate.output.significance,
    "challenge": rules.evaluate.output.challenge,
    "image_features": rules.features.input.images,
    "history": expand(f"{TRAINED}/history.csv", seed=SEEDS),
    "embeddings": expand(f"{TRAINED}/embeddings.h5", seed=SEEDS),
    "adapt": [rules.adapt.output.summary] if ADAPTS else [],
}
OF_MODELS = {"embeddings": expand(BASELINES.get("propagation", []), seed=0)}


rule report:
    input:
        **(OF_PHOTOS if PHOTOS else OF_MODELS),
        rejected=rules.rejected.output.table,
        warnings=rules.rejected.output.warnings,
        self_check=rules.self_check.output.table,
        models=rules.manifest.output.models,
        images=rules.manifest.output.images,
        views=rules.contact_sheet.input.views,
        view_features=rules.features.input.views,
        graph=rules.graph.output.summary,
    output:
        html=report(
            f"{RESULTS}/report/index.html",
            category="Report",
            caption="../workflow/report/report.rst",
            labels={"report": "the whole of it"},
        ),
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/benchmarks/report.tsv"
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=grown(2000),
        runtime=grown(10),
    params:
        benchmarks=f"{RESULTS}/benchmarks",
        config=asdict(CONFIG),
        code=code_of("report.stage:write_report"),
        templates=data_digest("report/templates"),
    message:
        "writing the report"
    script:
        "../workflow/scripts/report.py"
