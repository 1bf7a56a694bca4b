rule sweethome3d:
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
        members=[*LISTING.models, *LISTING.images],
        code=code_of("datasets.kinds.sweethome3d:unpack"),
    message:
        "unpacking the furniture libraries of {params.libraries}"
    script:
        "../workflow/scripts/sweethome3d.py"
