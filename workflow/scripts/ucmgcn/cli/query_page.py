"""The page of `ucmgcn query`: photos, and the nearest views of the hits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ucmgcn.core.templates import template_environment
from ucmgcn.files.atomic import atomic_path
from ucmgcn.media.photos import load_photo
from ucmgcn.media.pictures import data_uri
from ucmgcn.search.hits import Hit
from ucmgcn.search.library import Library
from ucmgcn.search.likeness import UNFAMILIAR, is_familiar

PAGES = Path(__file__).parent / "pages"
PHOTO_SIDE = 320
VIEW_SIDE = 160


@dataclass(frozen=True)
class Shown:
    """A photo on the page, and its hits, each with a picture of its view.

    The notice says that none of them is much like it; it is mostly empty.
    """

    photo: Path
    picture: str
    notice: str
    found: list[tuple[Hit, str]]


def write_page(out: Path, library: Library, searches: Sequence[tuple[Path, list[Hit]]]) -> None:
    """Write a self-contained HTML page.

    Parameters
    ----------
    searches
        Photos that can be read, with the hits of `Library.search`.
    """
    html = (
        template_environment(PAGES)
        .get_template("query.html.j2")
        .render(
            dataset=library.facts.dataset,
            models=len(library.models),
            method=library.method,
            searches=list(_shown(library, searches)),
        )
    )
    with atomic_path(out) as partial:
        partial.write_text(html, encoding="utf-8")


def _shown(library: Library, searches: Sequence[tuple[Path, list[Hit]]]) -> Iterator[Shown]:
    pictures: dict[tuple[str, int], str] = {}
    for photo, hits in searches:
        for hit in hits:
            key = hit.model, hit.view
            if key not in pictures:
                pictures[key] = data_uri(library.view(*key), VIEW_SIDE)
        picture = data_uri(load_photo(photo, PHOTO_SIDE, "pad"), PHOTO_SIDE)
        notice = "" if is_familiar(hit.likeness for hit in hits) else UNFAMILIAR
        found = [(hit, pictures[hit.model, hit.view]) for hit in hits]
        yield Shown(photo, picture, notice, found)
