rule report:
    input:
        metrics=rules.evaluate.output.metrics,
        per_category=rules.evaluate.output.per_category,
        confusion=rules.evaluate.output.confusion,
        ranking=rules.evaluate.output.ranking,
        pr_curve=rules.evaluate.output.pr_curve,
        significance=rules.evaluate.output.significance,
        rejected=rules.rejected.output.table,
        models=rules.manifest.output.models,
        images=rules.manifest.output.images,
        views=rules.contact_sheet.input.views,
        image_features=rules.features.input.images,
        view_features=rules.features.input.views,
        graph=rules.graph.output.summary,
        history=expand(rules.train_seed.output.history, seed=CONFIG.train.seeds),
        embeddings=expand(rules.train_seed.output.embeddings, seed=CONFIG.train.seeds),
    output:
        html=report(
            f"{RESULTS}/report/index.html",
            category="Report",
            caption="../workflow/report/report.rst",
        ),
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/benchmarks/report.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        benchmarks=f"{RESULTS}/benchmarks",
        config=asdict(CONFIG),
        code=code_digest("report"),
        templates=data_digest("templates"),
    message:
        "writing the report"
    script:
        "../workflow/scripts/report.py"
