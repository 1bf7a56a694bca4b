"""Charts as inline SVG; CSS variables as colours follow the light or dark theme."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from ucmgcn.core.arrays import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Line = tuple[Floats, Floats]

N_COLOURS = 10
DASHES = ("", "6 2", "2 2", "8 2 2 2", "4 4", "1 3")
# Placeholder colours, replaced by CSS variables; they occur nowhere else in a chart.
SERIES = tuple(f"#fe00{i:02x}" for i in range(N_COLOURS))
INK, MUTED, GRID, SURFACE = "#fe01f0", "#fe01f1", "#fe01f2", "#fe01f3"
VARIABLES = {
    **{colour: f"var(--c{i})" for i, colour in enumerate(SERIES)},
    INK: "var(--ink)", MUTED: "var(--muted)", GRID: "var(--line)", SURFACE: "var(--surface)",
}  # fmt: skip
STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
}


def style_of(series: int) -> tuple[int, str]:
    """Return colour number and SVG dash pattern of a series: lines differ not only in colour."""
    return series % N_COLOURS, DASHES[series % len(DASHES)]


def draw_curves(curves: Mapping[int, Line], name: str) -> Markup:
    """Draw precision over recall.

    Parameters
    ----------
    curves
        Recall and precision by the number of the series; series 0 has a thicker line.
    name
        Text alternative; also makes the chart's element ids unique on the page.
    """

    def draw(axes: Axes) -> None:
        for series, (recall, precision) in sorted(curves.items(), reverse=True):
            _line(axes, series, recall, precision, 2.4 if series == 0 else 1.4)
        axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))

    return _chart(draw, (4.6, 3.3), name)


def draw_history(seeds: Sequence[Line], name: str) -> Markup:
    """Draw one quantity over the epochs, one line per seed."""

    def draw(axes: Axes) -> None:
        for series, (epoch, value) in enumerate(seeds):
            _line(axes, series, epoch, value, 1.4)
        axes.set(xlabel="epoch")
        axes.margins(x=0.02)

    return _chart(draw, (2.8, 1.9), name)


def draw_map(
    photos: Floats,
    models: Floats,
    photo_groups: Sequence[int],
    model_groups: Sequence[int],
    labels: Sequence[str],
    name: str,
) -> Markup:
    """Draw photos (discs) and models (triangles) in the plane.

    Parameters
    ----------
    photos, models
        Positions, shapes (n, 2) and (m, 2).
    photo_groups, model_groups
        Number of the category of each, -1 for none.
    labels
        Category names, written above the median of their photos.
    """
    of_photo, of_model = np.array(photo_groups), np.array(model_groups)

    size = float(np.clip(3000 / max(len(photos), len(models), 1), 9, 30))

    def draw(axes: Axes) -> None:
        _dots(axes, photos, of_photo, "o", size)
        _dots(axes, models, of_model, "^", 1.4 * size)
        for group, label in enumerate(labels):
            own = photos[of_photo == group]
            x, y = np.median(own if len(own) else models[of_model == group], axis=0)
            colour = SERIES[group % N_COLOURS]
            style: dict[str, Any] = {"color": colour, "size": 9, "weight": "bold"}
            above: dict[str, Any] = {"xytext": (0, 6), "textcoords": "offset points"}
            axes.annotate(label, (x, y), **above, **style, ha="center", va="bottom")
        axes.margins(0.08)
        axes.set_axis_off()

    return _chart(draw, (5.2, 4.8), name)


def _dots(
    axes: Axes, places: Floats, groups: npt.NDArray[np.int64], marker: str, size: float
) -> None:
    colours = [SERIES[group % N_COLOURS] if group >= 0 else MUTED for group in groups]
    x, y = places.T
    axes.scatter(x, y, size, colours, marker=marker, alpha=0.7, linewidths=0.4, edgecolors=SURFACE)


def _line(axes: Axes, series: int, x: Floats, y: Floats, width: float) -> None:
    colour, dash = style_of(series)
    pattern = (0, [float(part) for part in dash.split()]) if dash else "solid"
    axes.plot(x, y, color=SERIES[colour], linestyle=pattern, linewidth=width)


def _chart(draw: Callable[[Axes], None], size: tuple[float, float], name: str) -> Markup:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    # Matplotlib's type stubs require literal keys.
    style: dict[Any, Any] = {**STYLE, "svg.hashsalt": name}
    with rc_context(style):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots())
        return _inline(figure, name)


def _inline(figure: Figure, name: str) -> Markup:
    """Turn a figure into an SVG element without group ids, size, metadata and literal colours."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg[svg.index("<svg") :], flags=re.S)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r"#fe0[01][0-9a-f]{2}\b", lambda found: VARIABLES[found[0]], svg)
    box = re.search(r'viewBox="[^"]*"', svg)
    body = svg[svg.index(">") + 1 :]
    attributes = f'role="img" xmlns:xlink="http://www.w3.org/1999/xlink" {box[0] if box else ""}'
    # matplotlib escapes the text of a figure.
    return Markup(f'<svg {attributes} aria-label="{Markup.escape(name)}">{body}')  # nosec B704
