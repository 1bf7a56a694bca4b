"""ShapeNetCore as a gallery for the user's photos.

Layout: `<models>/taxonomy.json` and `<models>/<synset>/<id>/models/model_normalized.obj` (version
2) or `<models>/<synset>/<id>/model.obj` (version 1); photos as for kind ``folder``. A category is
named by the first name of its WordNet synset.

Source: Chang et al., ShapeNet: an information-rich 3D model repository, 2015.
"""

from __future__ import annotations

from pathlib import Path

from ucmgcn.datasets.kinds import folder as own
from ucmgcn.datasets.kinds.json_file import read_records
from ucmgcn.datasets.source import Collector, Found, Source, folder, missing, subfolders

ORIGIN = "ShapeNet is given to those who register at shapenet.org"
LAYOUT = "taxonomy.json and <synset>/<id>/models/model_normalized.obj"
MESHES = ("models/model_normalized.obj", "model_normalized.obj", "model.obj")

images = own.images


def models(source: Source) -> Found:
    """List the meshes.

    Raises
    ------
    UserError
        If the folder, its taxonomy or its meshes are missing.
    """
    root = folder(source.models, "models", LAYOUT, ORIGIN)
    names = categories(root / "taxonomy.json")
    found = Collector(root)
    for synset in (s for s in subfolders(root) if s.name.isdigit()):
        for place in subfolders(synset):
            path = next((place / m for m in MESHES if (place / m).exists()), None)
            if path is None:
                found.reject(place, f"it holds no mesh ({', '.join(MESHES)})")
                continue
            category = names.get(synset.name, synset.name)
            id = place.relative_to(root).as_posix()
            found.add(id, path, category, extra={"synset": synset.name})
    if not found.items:
        raise missing(root / "*" / "*" / MESHES[0], "models", LAYOUT, ORIGIN)
    return found.found


def categories(taxonomy: Path) -> dict[str, str]:
    """First name of each synset: ``{"02691156": "airplane", ...}``.

    Raises
    ------
    UserError
        If the file is missing or not a taxonomy.
    """
    if not taxonomy.is_file():
        raise missing(taxonomy, "models", LAYOUT, ORIGIN)
    records = read_records(taxonomy, ("synsetId", "name"))
    return {r["synsetId"]: r["name"].partition(",")[0].strip() for r in records}
