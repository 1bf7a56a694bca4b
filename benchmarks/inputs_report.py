"""Print the Markdown table of the rows that inputs.sh has made.

python benchmarks/inputs_report.py results/inputs/psb
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

METHODS = ("max-pool", "mean-pool", "propagation", "ucm-gcn")
SHOWN = ("NN", "FT", "mAP")


def main() -> None:
    """Print a line a row, in the order in which they were made."""
    folder = Path(sys.argv[1])
    lines = ["| row | " + " | ".join(METHODS) + " |", "|---|" + "---|" * len(METHODS)]
    made = sorted(folder.glob("*/metrics.csv"), key=lambda path: path.stat().st_mtime)
    for path in made:
        frame = pd.read_csv(path)
        frame = frame[frame["protocol"] == "inductive"].set_index("method")
        cells = [" / ".join(f"{frame.loc[m, name]:.3f}" for name in SHOWN) for m in METHODS]
        lines.append(f"| {path.parent.name} | {' | '.join(cells)} |".replace("0.", "."))
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
