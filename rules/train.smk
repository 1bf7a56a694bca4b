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
    # A seed's trainings are independent: on all photos, and without those held out.
    threads:
        lambda wildcards: soonest_cores(
            CORES,
            len(CONFIG.train.seeds),
            2 if PLAN.listing.roles else 1 + CONFIG.train.folds,
        )
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


rule propagation:
    input:
        graph=rules.graph.output.graph,
        nodes=rules.graph.output.nodes,
        # Not ancient(), which would hide a changed split from the run that makes it.
        images=rules.manifest.output.images,
    output:
        embeddings=f"{RESULTS}/runs/propagation/seed-0/embeddings.h5",
    log:
        f"{RESULTS}/logs/propagation.log",
    benchmark:
        f"{RESULTS}/benchmarks/propagation.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=grown(4000),
        runtime=grown(60),
    params:
        graph=section("graph"),
        propagation=section("propagation"),
        folds=CONFIG.train.folds,
        labels=[CONFIG.train.supervision, CONFIG.train.label_seed],
        roles=lambda wildcards: PLAN.listing.roles,
        code=code_of("train.stage:propagate", "datasets.roles:read_roles"),
    message:
        "propagating features over the same graph, without a learned weight (a baseline)"
    script:
        "../workflow/scripts/propagation.py"
