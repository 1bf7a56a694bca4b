rule train_seed:
    input:
        graph=rules.graph.output.graph,
        nodes=rules.graph.output.nodes,
        # Not ancient(), which would hide a changed split from the run that makes it.
        images=rules.manifest.output.images,
    output:
        checkpoint=f"{TRAINED}/checkpoint.pt",
        history=f"{TRAINED}/history.csv",
        embeddings=f"{TRAINED}/embeddings.h5",
    log:
        f"{RESULTS}/logs/train/seed-{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/seed-{{seed}}.tsv"
    conda:
        ENVIRONMENT
    threads: train_cores
    resources:
        mem_mb=lambda wildcards, threads, attempt: 2000
        * (1 + threads)
        * 2 ** (attempt - 1),
        runtime=grown(60),
        gpu=1,
    params:
        graph=section("graph"),
        propagation=section("propagation"),
        train=section("train", without="seeds"),
        roles=lambda wildcards: PLAN.listing.roles,
        device=CONFIG.device,
        code=code_of("train.stage:train_seed", "datasets.roles:read_roles"),
    message:
        "training UCM-GCN with seed {wildcards.seed}"
    script:
        "../workflow/scripts/train.py"


rule train:
    input:
        expand(
            f"{TRAINED}/{{file}}",
            seed=SEEDS,
            file=["checkpoint.pt", "history.csv", "embeddings.h5"],
        ),


if BASELINES:

    rule baselines:
        input:
            graph=rules.graph.output.graph,
            nodes=rules.graph.output.nodes,
            # Not ancient(), which would hide a changed split from the run that makes it.
            images=rules.manifest.output.images,
        output:
            **BASELINES,
        log:
            f"{RESULTS}/logs/baselines/seed-{{seed}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/baselines/seed-{{seed}}.tsv"
        conda:
            ENVIRONMENT
        threads: train_cores
        resources:
            mem_mb=lambda wildcards, threads, attempt: 2000
            * (1 + threads)
            * 2 ** (attempt - 1),
            runtime=grown(60),
            gpu=1,
        params:
            graph=section("graph"),
            propagation=section("propagation"),
            train=section("train", without="seeds"),
            roles=lambda wildcards: PLAN.listing.roles,
            methods=EMBEDDED,
            device=CONFIG.device,
            code=code_of("train.stage:train_baselines", "datasets.roles:read_roles"),
        message:
            "embedding the baselines on the same graph and folds, with seed {wildcards.seed}"
        script:
            "../workflow/scripts/baselines.py"


if PROBES:

    rule probes:
        input:
            graph=rules.graph.output.graph,
            nodes=rules.graph.output.nodes,
            # Not ancient(): their categories say which photos are left out.
            images=rules.manifest.output.images,
            models=rules.manifest.output.models,
        output:
            **PROBES,
        log:
            f"{RESULTS}/logs/probes/seed-{{seed}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/probes/seed-{{seed}}.tsv"
        conda:
            ENVIRONMENT
        threads: probe_cores
        resources:
            mem_mb=lambda wildcards, threads, attempt: 2000
            * (1 + threads)
            * 2 ** (attempt - 1),
            runtime=grown(240),
            gpu=1,
        params:
            graph=section("graph"),
            propagation=section("propagation"),
            train=section("train", without="seeds"),
            roles=lambda wildcards: PLAN.listing.roles,
            methods=CONFIG.probed_methods,
            wanted=CONFIG.probes,
            device=CONFIG.device,
            code=code_of("train.stage:train_probes", "datasets.roles:read_roles"),
        message:
            "training without photos of some categories, with seed {wildcards.seed}"
        script:
            "../workflow/scripts/probes.py"
