"""Write docs/results/inputs.csv from the runs of inputs.sh.

python benchmarks/inputs_report.py results/inputs/psb
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

OUT = Path(__file__).parents[1] / "docs" / "results" / "inputs.csv"
METHODS = ("max-pool", "mean-pool", "propagation", "ucm-gcn")
SHOWN = ("NN", "FT", "mAP")


def main() -> None:
    """Write one row per run, in the order of the runs."""
    folder = Path(sys.argv[1])
    lines = []
    for path in sorted(folder.glob("*/metrics.csv"), key=lambda path: path.stat().st_mtime):
        frame = pd.read_csv(path)
        frame = frame[frame["protocol"] == "inductive"].set_index("method")
        line = {"row": path.parent.name}
        for method in METHODS:
            cells = [f"{frame.loc[method, name]:.3f}".lstrip("0") for name in SHOWN]
            line[method] = " / ".join(cells)
        lines.append(line)
    pd.DataFrame(lines).to_csv(OUT, index=False)


if __name__ == "__main__":
    main()
