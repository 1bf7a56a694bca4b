"""MI3DOR (SHREC'19): ImageNet photos, and models that come as rendered views.

Layout: `<images>/{train,test}/<category>/<id>/<id>.JPEG`, and
`<models>/{train,test}/<category>/<id>/<id>_001.png ... _012.png`. A model is a folder of views.

Source: Song et al., Monocular image-based 3-D model retrieval: a benchmark, IEEE Transactions on
Cybernetics, 2021.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ucmgcn.datasets.manifest import Item, unusable
from ucmgcn.datasets.source import Collector, Found, Source, files, folder, subfolders
from ucmgcn.media.formats import PHOTO_SUFFIXES

SPLITS = ("train", "test")
ORIGIN = "MI3DOR is given to those who sign its agreement, see github.com/tianbao-li/MI3DOR"
LAYOUT = "{train,test}/<category>/<id>/ with "


def models(source: Source) -> Found:
    """List the models: folders of views.

    Raises
    ------
    UserError
        If the folder of a split is missing.
    """
    found = Collector(source.models)
    for split, category, path in _objects(source.models, "models", "<id>_001.png ..."):
        views = view_files(path)
        reasons = (f"{v.name}: {why}" for v in views if (why := unusable(v, source.models)))
        if reason := next(reasons, "" if views else "it holds no rendered view"):
            found.reject(path, reason)
            continue
        infos = [view.stat() for view in views]
        size, newest = sum(i.st_size for i in infos), max(i.st_mtime_ns for i in infos)
        id = path.relative_to(source.models).as_posix()
        found.items.append(Item(id, str(path), category, split, size, newest))
    return found.found


def images(source: Source) -> Found:
    """List the photos, each in its own folder.

    Raises
    ------
    UserError
        If the folder of a split is missing.
    """
    found = Collector(source.photos)
    for split, category, path in _objects(source.photos, "images", "<id>.JPEG"):
        photos = files(path, PHOTO_SUFFIXES)
        for photo in photos:
            id = photo.relative_to(source.photos).with_suffix("").as_posix()
            found.add(id, photo, category, split)
        if not photos:
            found.reject(path, "it holds no photo")
    return found.found


def _objects(root: Path, role: str, content: str) -> Iterator[tuple[str, str, Path]]:
    """Yield split, category and folder of each object."""
    for split in SPLITS:
        place = folder(root / split, role, LAYOUT + content, ORIGIN)
        for category in subfolders(place):
            for path in subfolders(category):
                yield split, category.name, path


VIEW_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})


def view_files(folder: Path) -> list[Path]:
    """Images of a folder, ordered by the last number in their names."""
    paths = (p for p in folder.iterdir() if p.suffix.lower() in VIEW_SUFFIXES)
    return sorted((p for p in paths if not p.name.startswith(".")), key=_number)


def _number(path: Path) -> tuple[int, str]:
    digits = re.findall(r"\d+", path.stem)
    return (int(digits[-1]) if digits else 0, path.name)
