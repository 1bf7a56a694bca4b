"""Print a Markdown table of one run's metrics, for README.md.

python docs/results.py results/demo/tables/metrics.csv
"""

from __future__ import annotations

import sys

import pandas as pd

SHOWN = ("NN", "FT", "ST", "F", "DCG", "ANMRR", "mAP")


def cell(row: pd.Series, metric: str) -> str:
    """Write a mean, with the standard deviation over seeds where there are several."""
    spread = f" ± {row[f'{metric}_std']:.3f}" if row["n_seeds"] > 1 else ""
    return f"{row[metric]:.3f}{spread}".replace("0.", ".")


def main() -> None:
    """Print the table."""
    frame = pd.read_csv(sys.argv[1])
    lines = [f"| method | protocol | {' | '.join(SHOWN)} |", "|---|---|" + "---|" * len(SHOWN)]
    for _, row in frame.sort_values(["protocol", "FT"], kind="stable").iterrows():
        cells = " | ".join(cell(row, metric) for metric in SHOWN)
        lines.append(f"| {row['method']} | {row['protocol']} | {cells} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
