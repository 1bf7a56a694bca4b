rule furniture:
    output:
        directory(str(FETCHED)),
    log:
        f"{RESULTS}/logs/furniture.log",
    benchmark:
        f"{RESULTS}/benchmarks/furniture.tsv"
    # A cluster's nodes often reach no mirror.
    localrule: True
    conda:
        ENVIRONMENT
    resources:
        mem_mb=grown(1000),
        runtime=grown(30),
    message:
        "fetching Debian's package of furniture libraries (120 MB)"
    script:
        "../workflow/scripts/furniture.py"


rule sweethome3d:
    input:
        FURNITURE,
    output:
        directory(str(SOURCE.unpacked)),
    log:
        f"{RESULTS}/logs/sweethome3d.log",
    benchmark:
        f"{RESULTS}/benchmarks/sweethome3d.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=grown(1000),
        runtime=grown(15),
    params:
        libraries=str(SOURCE.models),
        members=lambda wildcards: [*PLAN.listing.models, *PLAN.listing.images],
        code=code_of("datasets.kinds.sweethome3d:unpack"),
    message:
        "unpacking the furniture libraries of {params.libraries}"
    script:
        "../workflow/scripts/sweethome3d.py"
