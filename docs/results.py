"""Print a Markdown table of one run's metrics, for README.md.

python docs/results.py results/demo/tables/metrics.csv
python docs/results.py results/sweethome3d/tables/metrics.csv R@1 R@5 R@10 FT

The metrics to print may be named; the first of them orders the rows.
"""

from __future__ import annotations

import sys

import pandas as pd

SHOWN = ("NN", "FT", "ST", "F", "DCG", "ANMRR", "mAP")


def cell(row: pd.Series, metric: str) -> str:
    """Write a mean, with the sd over seeds where there are several, and a recall's interval."""
    spread = f" ± {row[f'{metric}_std']:.3f}" if row["n_seeds"] > 1 else ""
    ends = f" [{row[f'{metric}_lo']:.3f}, {row[f'{metric}_hi']:.3f}]" if "@" in metric else ""
    return f"{row[metric]:.3f}{spread}{ends}".replace("0.", ".")


def main() -> None:
    """Print the table."""
    frame = pd.read_csv(sys.argv[1])
    shown = sys.argv[2:] or SHOWN
    order = sys.argv[2] if sys.argv[2:] else "FT"
    lines = [f"| method | protocol | {' | '.join(shown)} |", "|---|---|" + "---|" * len(shown)]
    for _, row in frame.sort_values(["protocol", order], kind="stable").iterrows():
        cells = " | ".join(cell(row, metric) for metric in shown)
        lines.append(f"| {row['method']} | {row['protocol']} | {cells} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
