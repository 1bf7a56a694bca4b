"""The contact sheet: a sample of the rendered views on one page, to check them by eye."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import cycle, groupby
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ucmgcn.core.arrays import Images
from ucmgcn.core.errors import UserError
from ucmgcn.datasets.rejected import quote_rejected
from ucmgcn.files.atomic import atomic_path
from ucmgcn.files.shards import Rejection, open_shard

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

COLUMNS = 2
MARGIN = 24
LABEL = 20
GAP = 10
INK, FAINT = "#222222", "#dddddd"


def write_contact_sheet(
    shards: Iterable[Path], out: Path, *, models: int = 40, views: int = 6, size: int = 112
) -> None:
    """Write a PNG with some views of a sample of the models, labelled with their ids.

    Parameters
    ----------
    shards
        Shards of kind ``"views"``.
    out
        The PNG to write.
    models
        Maximum number of models, spread evenly over the categories; the same ones on every run.
    views
        Maximum number of views of each, spread evenly over its cameras.
    size
        Width and height of a view on the sheet, pixels.

    Raises
    ------
    UserError
        If the shards hold no model.
    """
    shards = sorted(shards)
    counts = {shard: _ids(shard) for shard in shards}
    everything = [id for ids in counts.values() for id in ids]
    if not everything:
        rejected = [row for shard in shards for row in _rejected(shard)]
        raise UserError(f"no model could be rendered{quote_rejected(rejected)}")
    sample = sample_ids(everything, models)
    rows = {id: row for shard in shards for id, row in _rows(shard, sample, views, size)}
    title = f"{len(sample)} of {len(everything)} models"
    with atomic_path(out) as partial:
        _draw(title, [(id, rows[id]) for id in sample]).save(partial)


def sample_ids(ids: Iterable[str], n: int) -> list[str]:
    """Choose up to n ids, sorted, evenly over the categories (the part before the last slash)."""
    groups = [list(group) for _, group in groupby(sorted(ids), key=_category)]
    if len(groups) > n:
        groups = [groups[i] for i in _spread(len(groups), n)]
    wanted = min(n, sum(map(len, groups)))
    quota: Counter[int] = Counter()
    for i in cycle(range(len(groups))):
        if quota.total() == wanted:
            break
        quota[i] += quota[i] < len(groups[i])
    return sorted(g[j] for i, g in enumerate(groups) for j in _spread(len(g), quota[i]))


def _category(id: str) -> str:
    return id.rpartition("/")[0]


def _spread(length: int, n: int) -> list[int]:
    """Return n distinct indices: the centres of n equal parts of the range."""
    return [int((i + 0.5) * length / n) for i in range(n)]


def _ids(shard: Path) -> list[str]:
    with open_shard(shard, "views") as opened:
        return opened.ids


def _rejected(shard: Path) -> list[Rejection]:
    with open_shard(shard, "views") as opened:
        return opened.rejected


def _rows(
    shard: Path, sample: Sequence[str], views: int, size: int
) -> list[tuple[str, Image.Image]]:
    wanted = set(sample)
    with open_shard(shard, "views") as opened:
        chosen = _spread(opened.array.shape[1], min(views, opened.array.shape[1]))
        return [
            (id, _strip(opened.array[i, chosen], size))
            for i, id in enumerate(opened.ids)
            if id in wanted
        ]


def _strip(views: Images, size: int) -> Image.Image:
    """Concatenate views in a row."""
    strip = Image.new("RGB", (len(views) * size, size))
    for i, view in enumerate(views):
        small = Image.fromarray(view).resize((size, size), Image.Resampling.LANCZOS)
        strip.paste(small, (i * size, 0))
    return strip


def _draw(title: str, rows: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    columns = min(COLUMNS, len(rows))
    width, height = rows[0][1].size
    step_x, step_y = width + MARGIN, height + LABEL + GAP
    lines = math.ceil(len(rows) / columns)
    sheet = Image.new(
        "RGB", (MARGIN + columns * step_x, 3 * MARGIN + lines * step_y - GAP), "white"
    )
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, MARGIN), title, INK, ImageFont.load_default(18), anchor="lm")
    font = ImageFont.load_default(13)
    for i, (id, strip) in enumerate(rows):
        x = MARGIN + i // lines * step_x
        y = 2 * MARGIN + i % lines * step_y
        pen.line([(x, y), (x + width, y)], FAINT)
        pen.text((x, y + LABEL / 2), _shorten(id, font, width), INK, font, anchor="lm")
        sheet.paste(strip, (x, y + LABEL))
    return sheet


def _shorten(text: str, font: Font, width: float) -> str:
    """Cut a text from the left until it fits: the end of an id tells more than its start."""
    if font.getlength(text) <= width:
        return text
    while len(text) > 1 and font.getlength("..." + text) > width:
        text = text[1:]
    return "..." + text
