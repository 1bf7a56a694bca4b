"""Plots of precision-recall curves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ucmgcn.files.atomic import atomic_path

Curve = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def plot_precision_recall(
    curves: Mapping[str, Curve], out: Path, *, title: str, highlight: str
) -> None:
    """Draw (recall, precision) curves in one pair of axes, and write them to ``out``.

    Parameters
    ----------
    curves
        Recall and precision, each of shape (G,), by label; labels that start with `highlight` have
        thicker lines.
    out
        File to write; the suffix gives the format (``.svg`` or ``.png``).
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    # A fixed salt and no date: the same curves give the same bytes.
    with rc_context({"svg.hashsalt": "ucmgcn"}):
        figure = Figure(figsize=(7.0, 5.0), layout="constrained")
        axes = figure.subplots()
        for label, (recall, precision) in curves.items():
            heavy = label.startswith(highlight)
            axes.plot(recall, precision, label=label, linewidth=2.4 if heavy else 1.2)
        axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1), title=title)
        axes.grid(alpha=0.3)
        if curves:
            axes.legend(fontsize="small")
        with atomic_path(out) as partial:
            metadata = {"Date": None} if out.suffix == ".svg" else {"Software": None}
            figure.savefig(partial, dpi=150, metadata=metadata)
