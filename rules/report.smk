rule report:
    input:
        metrics=rules.evaluate.output.metrics,
        per_category=rules.evaluate.output.per_category,
        ranking=rules.evaluate.output.ranking,
        pr_curve=rules.evaluate.output.pr_curve,
        significance=rules.evaluate.output.significance,
        rejected=rules.rejected.output.table,
        images=rules.manifest.output.images,
        views=rules.render.input[: len(MODEL_SHARDS)],
        sheet=rules.contact_sheet.output.sheet,
        summary=rules.graph.output.summary,
        history=expand(rules.train_seed.output.history, seed=CONFIG.train.seeds),
    output:
        html=report(
            f"{RESULTS}/report/index.html",
            category="Report",
            caption="../workflow/report/report.rst",
        ),
    params:
        config=asdict(CONFIG),
        code=code_digest("report"),
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/benchmarks/report.tsv"
    resources:
        mem_mb=2000,
        runtime=10,
    conda:
        ENVIRONMENT
    message:
        "writing the report"
    script:
        "../workflow/scripts/report.py"
