"""ModelNet10 and ModelNet40 as a gallery for the user's photos.

Layout: `<models>/<category>/{train,test}/<id>.off`; photos as for kind ``folder``.

Source: Wu et al., 3D ShapeNets: a deep representation for volumetric shapes, CVPR 2015.
"""

from __future__ import annotations

from ucmgcn.datasets.kinds import folder as own
from ucmgcn.datasets.source import Collector, Found, Source, files, folder, missing, subfolders

SPLITS = ("train", "test")
ORIGIN = "ModelNet is at modelnet.cs.princeton.edu"
LAYOUT = "<category>/{train,test}/<id>.off"

images = own.images


def models(source: Source) -> Found:
    """List the meshes.

    Raises
    ------
    UserError
        If the folder is missing or has another layout.
    """
    found = Collector(source.models)
    for category in subfolders(folder(source.models, "models", LAYOUT, ORIGIN)):
        for split in SPLITS:
            if (category / split).is_dir():
                for path in files(category / split, [".off"]):
                    id = path.relative_to(source.models).with_suffix("").as_posix()
                    found.add(id, path, category.name, split)
    if not found.items:
        raise missing(source.models / "*" / "{train,test}" / "*.off", "models", LAYOUT, ORIGIN)
    return found.found
