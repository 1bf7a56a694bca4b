"""Print the results of the performance benchmarks as the Markdown table of docs/performance.md.

python benchmarks/performance.py
"""

from __future__ import annotations

import csv
import os
import platform
from importlib.metadata import version
from pathlib import Path

from measuring import ROWS

PACKAGES = ("numpy", "torch", "dgl", "onnxruntime", "faiss-cpu", "pyrender2", "snakemake")


def main() -> None:
    print(machine() + "\n")
    print("| part | measured against | reached | wanted | |\n|---|---|---|---|---|")
    for path in sorted(ROWS.glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                verdict = "met" if row["met"] == "True" else "**missed**"
                cells = [row[name] for name in ("part", "against", "reached", "target")]
                print(f"| {' | '.join(cells)} | {verdict} |")


def machine() -> str:
    """Describe the machine and the versions of the packages that matter."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{os.cpu_count()} cores ({model}, {platform.machine()}), {memory:.0f} GiB; "
        f"Python {platform.python_version()}, {versions}."
    )


if __name__ == "__main__":
    main()
