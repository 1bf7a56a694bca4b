"""The command `query`: search with photos."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from ucmgcn.cli.one_line import complain
from ucmgcn.cli.options import DEFAULT_METHOD, dataset_option, results_option
from ucmgcn.core.errors import ItemError, UserError
from ucmgcn.core.printable import escaped
from ucmgcn.core.strict_json import to_json
from ucmgcn.search.contents import METHODS
from ucmgcn.search.hits import Hit
from ucmgcn.search.library import Library
from ucmgcn.search.likeness import UNFAMILIAR, is_familiar

COLUMNS = ("rank", "model", "category", "score", "likeness", "path")


@dataclass(frozen=True)
class Search:
    """A photo and its hits."""

    photo: Path
    hits: list[Hit]

    @property
    def familiar(self) -> bool:
        """Whether any of the hits is like the photo."""
        return is_familiar(hit.likeness for hit in self.hits)


@click.command()
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path))
@dataset_option
@results_option
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Models for each photo.",
)
@click.option("--category", metavar="NAME", help="Find models of this category only.")
@click.option(
    "--method",
    help=f"How models are ranked: {', '.join(METHODS)}. {DEFAULT_METHOD}",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a list with an item a photo.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, a line a model.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a page with the photos and the views of the models.",
)
def query(  # noqa: PLR0913 - one for each option
    photos: Sequence[Path],
    dataset: str,
    results: Path,
    top: int,
    category: str | None,
    method: str | None,
    as_json: bool,
    as_csv: bool,
    html: Path | None,
) -> None:
    """Find the 3D models that photos show.

    PHOTOS are image files, or folders of them. What is found for a photo never depends on another
    photo. If a photo cannot be read, standard error names it, the others are searched with, and
    the exit status is 2.

    \b
    Examples:
      ucmgcn query chair.jpg --dataset demo
      ucmgcn query holiday/ --dataset furniture --top 3 --csv > found.csv
      ucmgcn query chair.jpg lamp.png --dataset furniture --html found.html
      ucmgcn query chair.jpg --dataset furniture --category seats --json
    """  # noqa: D301
    if as_json and as_csv:
        raise UserError("--json and --csv are two forms of one answer; choose one")
    form = "json" if as_json else "csv" if as_csv else ""
    library = Library.open(results / dataset, method)
    unreadable = 0
    searches: list[Search] = []
    for photo in _files(photos):
        try:
            searches.append(Search(photo, library.search(photo, top, category)))
        except ItemError as error:
            complain(f"{photo}: {error}")
            unreadable += 1
            continue
        if not form and html is None:
            click.echo(format_text(searches[-1]))
    if form:
        text = FORMS[form](searches)
        # A program gets names as they are; a terminal must not do what they say.
        click.echo(escaped(text, keep="\n") if sys.stdout.isatty() else text, nl=False)
    if html:
        from ucmgcn.cli.query_page import write_page

        write_page(html, library, [(search.photo, search.hits) for search in searches])
        click.echo(f"{html}: {len(searches)} photo{'s' * (len(searches) != 1)}", err=True)
    sys.exit(2 if unreadable else 0)


def format_text(search: Search) -> str:
    """Format the hits of a photo as text, a line a model.

    If none is much like it, the line above them says so.
    """
    rows = [tuple(escaped(str(cell)) for cell in _cells(hit).values()) for hit in search.hits]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (COLUMNS, *rows)
    ]
    notice = [] if search.familiar else [UNFAMILIAR]
    return "\n".join([escaped(str(search.photo)), *notice, *lines, ""])


def format_csv(searches: Sequence[Search]) -> str:
    """Format the hits as CSV, a line a model."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ("photo", *COLUMNS), lineterminator="\n")
    writer.writeheader()
    for search in searches:
        writer.writerows({"photo": str(search.photo), **_cells(hit)} for hit in search.hits)
    return text.getvalue()


def format_json(searches: Sequence[Search]) -> str:
    """Format the hits as JSON, an item a photo; `view` is the number of the nearest view."""
    items = [
        {
            "photo": str(search.photo),
            "familiar": search.familiar,
            "models": [
                {**_cells(hit), "score": hit.score, "view": hit.view} for hit in search.hits
            ],
        }
        for search in searches
    ]
    return to_json(items)


FORMS = {"csv": format_csv, "json": format_json}


def _cells(hit: Hit) -> dict[str, object]:
    score = f"{hit.score:.4f}"
    values = (hit.rank, hit.model, hit.category, score, hit.likeness, str(hit.path))
    return dict(zip(COLUMNS, values, strict=True))


def _files(photos: Sequence[Path]) -> Iterator[Path]:
    """Yield the given photos, and those in the given folders."""
    for path in photos:
        if not path.is_dir():
            yield path
            continue
        from ucmgcn.media.formats import PHOTO_SUFFIXES

        files = [p for p in sorted(_below(path)) if p.suffix.lower() in PHOTO_SUFFIXES]
        if not files:
            raise UserError(f"{path} holds no photo ({' '.join(sorted(PHOTO_SUFFIXES))})")
        yield from files


def _below(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise UserError(f"the folder {error.filename} cannot be read ({error.strerror})")

    for place, _, names in os.walk(folder, onerror=refuse):
        yield from (Path(place, name) for name in names)
