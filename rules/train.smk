rule train_seed:
    input:
        graph=rules.graph.output.graph,
        nodes=rules.graph.output.nodes,
    output:
        checkpoint=f"{RESULTS}/runs/ucm-gcn/seed-{{seed}}/checkpoint.pt",
        history=f"{RESULTS}/runs/ucm-gcn/seed-{{seed}}/history.csv",
        embeddings=f"{RESULTS}/runs/ucm-gcn/seed-{{seed}}/embeddings.h5",
    log:
        f"{RESULTS}/logs/train/seed-{{seed}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/seed-{{seed}}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=1,
    params:
        graph=section("graph"),
        propagation=section("propagation"),
        train=section("train", without="seeds"),
        device=CONFIG.device,
        code=code_digest("train"),
    message:
        "training UCM-GCN with seed {wildcards.seed}"
    script:
        "../workflow/scripts/train.py"


rule train:
    input:
        expand(
            f"{RESULTS}/runs/ucm-gcn/seed-{{seed}}/{{file}}",
            seed=CONFIG.train.seeds,
            file=["checkpoint.pt", "history.csv", "embeddings.h5"],
        ),


rule propagation:
    input:
        graph=rules.graph.output.graph,
        nodes=rules.graph.output.nodes,
    output:
        embeddings=f"{RESULTS}/runs/propagation/seed-0/embeddings.h5",
    log:
        f"{RESULTS}/logs/propagation.log",
    benchmark:
        f"{RESULTS}/benchmarks/propagation.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        graph=section("graph"),
        propagation=section("propagation"),
        folds=CONFIG.train.folds,
        code=code_digest("train"),
    message:
        "propagating features over the same graph, without a learned weight (a control)"
    script:
        "../workflow/scripts/propagation.py"
