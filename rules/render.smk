# Models come as rendered views, or are rendered.
if CONFIG.kind == "mi3dor":

    rule given_views:
        input:
            DATA,
        output:
            # Kept while it is rebuilt: what is still true in it is taken over.
            views=update(f"{RESULTS}/views/shard-{{shard}}.h5"),
        log:
            f"{RESULTS}/logs/render/shard-{{shard}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/render/shard-{{shard}}.tsv"
        conda:
            ENVIRONMENT
        threads: share_cores(CORES, CONFIG.shards.models)
        resources:
            mem_mb=grown(2000),
            runtime=grown(30),
        params:
            config=section("render") | {"given": CONFIG.data.views},
            source=FILES,
            limits=section("limits"),
            shards=CONFIG.shards.models,
            # Digest of the shard's files: what decides whether they are read again.
            members=lambda wildcards: PLAN.listing.models[int(wildcards.shard)],
            code=code_of("render.given_views:read_views_shard"),
        message:
            "reading the views of the models of shard {wildcards.shard}"
        script:
            "../workflow/scripts/given_views.py"

else:

    rule render_shard:
        input:
            DATA,
        output:
            views=update(f"{RESULTS}/views/shard-{{shard}}.h5"),
        log:
            f"{RESULTS}/logs/render/shard-{{shard}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/render/shard-{{shard}}.tsv"
        conda:
            ENVIRONMENT
        threads: share_cores(CORES, CONFIG.shards.models)
        resources:
            mem_mb=grown(2000),
            runtime=grown(30),
            gpu=int(CONFIG.device != "cpu"),
        params:
            config=section("render"),
            source=FILES,
            limits=section("limits"),
            shards=CONFIG.shards.models,
            members=lambda wildcards: PLAN.listing.models[int(wildcards.shard)],
            code=code_of("render.stage:render_shard"),
        message:
            "rendering the models of shard {wildcards.shard}"
        script:
            "../workflow/scripts/render.py"


rule contact_sheet:
    input:
        views=expand(f"{RESULTS}/views/shard-{{shard}}.h5", shard=MODEL_SHARDS),
    output:
        sheet=report(
            f"{RESULTS}/views/contact-sheet.png",
            category="Views",
            caption="../workflow/report/contact-sheet.rst",
            labels={"views": "contact sheet"},
        ),
    log:
        f"{RESULTS}/logs/contact_sheet.log",
    benchmark:
        f"{RESULTS}/benchmarks/contact_sheet.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=grown(1000),
        runtime=grown(5),
    params:
        code=code_of("render.contact_sheet:write_contact_sheet"),
    message:
        "drawing the contact sheet of the rendered views"
    script:
        "../workflow/scripts/contact_sheet.py"


rule self_check:
    input:
        views=rules.contact_sheet.input.views,
    output:
        table=report(
            f"{RESULTS}/tables/models.csv",
            category="Views",
            caption="../workflow/report/models.rst",
            labels={"views": "self-check of the meshes"},
        ),
    log:
        f"{RESULTS}/logs/self_check.log",
    benchmark:
        f"{RESULTS}/benchmarks/self_check.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=grown(1000),
        runtime=grown(5),
    params:
        code=code_of("datasets.self_check:gather_models"),
    message:
        "listing what each mesh declares and what was drawn of it"
    script:
        "../workflow/scripts/self_check.py"


rule render:
    input:
        rules.contact_sheet.input,
        rules.contact_sheet.output,
