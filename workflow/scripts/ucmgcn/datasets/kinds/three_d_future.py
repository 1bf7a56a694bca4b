"""3D-FUTURE: textured furniture models, and photos whose exact model is known.

Layout: `<models>/model_info.json` (a list of records with model_id, category, super-category,
style, theme, material) and `<models>/<model_id>/{raw_model.obj,normalized_model.obj,texture.png,
image.jpg}`. Photos lie below `<images>`, next to JSON files that name the model of each photo, as
in the retrieval challenge of 2020: `train_set.json` and `validation_set.json` or `test_set.json`,
lists of records with ``image`` and ``model``. If `<images>` is the folder of the models, the
`image.jpg` of each model is its query.

Source: Fu et al., 3D-FUTURE: 3D furniture shape with texture, IJCV 2021.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ucmgcn.core.errors import UserError
from ucmgcn.datasets.kinds.json_file import read_records
from ucmgcn.datasets.source import NORMALISED, Collector, Found, Source, folder, missing

ORIGIN = "3D-FUTURE is given to those who accept its terms at tianchi.aliyun.com"
LAYOUT = "model_info.json and <model_id>/{raw_model.obj,normalized_model.obj,texture.png,image.jpg}"
PHOTO_LAYOUT = "photos and the challenge's lists of their models, such as train_set.json"
COLUMNS = ("super-category", "category", "style", "theme", "material")
# The lists of the challenge, and the split of each.
LISTS = {"train_set": "train", "validation_set": "test", "val_set": "test", "test_set": "test"}
SUBFOLDERS = ("", "image_data", "images", "image", "input_data", "train", "test")
PHOTOS = (".jpg", ".jpeg", ".png")


def models(source: Source) -> Found:
    """List the meshes with their attributes and their normalised shapes.

    Raises
    ------
    UserError
        If the folder or its list is missing or damaged.
    """
    root = folder(source.models, "models", LAYOUT, ORIGIN)
    found = Collector(root)
    for id, facts in sorted(model_info(root).items()):
        place = root / id
        if not place.is_dir():
            found.reject(place, "model_info.json lists it, but there is no such folder")
            continue
        shape = {NORMALISED: str(place / "normalized_model.obj")}
        found.add(id, place / "raw_model.obj", facts["category"], extra=_extra(facts) | shape)
    return found.found


def images(source: Source) -> Found:
    """List the photos, each with the model that it shows.

    Raises
    ------
    UserError
        If the folder or its lists are missing or damaged.
    """
    known = model_info(folder(source.models, "models", LAYOUT, ORIGIN))
    root = folder(source.photos, "images", PHOTO_LAYOUT, ORIGIN)
    found = Collector(root)
    if root.resolve() == source.models.resolve():
        for id, facts in sorted(known.items()):
            picture = root / id / "image.jpg"
            found.add(id, picture, facts["category"], "", id, _extra(facts))
        return found.found
    for split, name, model in _photos(root):
        path = _photo(root, name)
        if model not in known:
            found.reject(path, f"its model {model} is not in model_info.json")
            continue
        facts = known[model]
        id = f"{split}/{Path(name).with_suffix('').as_posix()}"
        found.add(id, path, facts["category"], split, model, _extra(facts))
    return found.found


def model_info(root: Path) -> dict[str, dict[str, str]]:
    """Read the attributes of the models, by id.

    Raises
    ------
    UserError
        If the list is missing or damaged.
    """
    path = root / "model_info.json"
    if not path.is_file():
        raise missing(path, "models", LAYOUT, ORIGIN)
    blank = dict.fromkeys(COLUMNS, "")
    return {r["model_id"]: blank | r for r in read_records(path, ["model_id"])}


def _extra(facts: dict[str, str]) -> dict[str, str]:
    return {key: facts[key] for key in COLUMNS if key != "category"}


def _photos(root: Path) -> Iterator[tuple[str, str, str]]:
    """Yield split, file name and model of each photo of each list."""
    lists = sorted(p for p in root.rglob("*.json") if p.stem in LISTS)
    if not lists:
        pickled = next(iter(sorted(root.rglob("*_set.npy"))), None)
        if pickled is not None:
            raise UserError(
                f"{pickled} is a Python pickle, which can run code and is not read. If you trust "
                f"it, save it as {pickled.with_suffix('.json').name}: a list of records with image "
                f"and model"
            )
        raise missing(root / "train_set.json", "images", PHOTO_LAYOUT, ORIGIN)
    for path in lists:
        for record in read_records(path, ("image", "model")):
            yield LISTS[path.stem], record["image"], record["model"]


def _photo(root: Path, name: str) -> Path:
    """Find a photo by its name, with or without its extension."""
    places = [root / sub / name for sub in SUBFOLDERS]
    places += [place.with_name(place.name + s) for place in places for s in PHOTOS]
    return next((place for place in places if place.is_file()), root / name)
