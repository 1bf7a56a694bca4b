"""Small trees in the layouts of the data sets, with real meshes and pictures."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image

CATEGORIES = ("bed", "chair", "table")
SHAPES = {
    "bed": lambda n: trimesh.creation.box((2 + n / 10, 1, 3)),
    "chair": lambda n: trimesh.creation.cylinder(1, 2 + n / 10, sections=16),
    "table": lambda n: trimesh.creation.icosphere(subdivisions=2, radius=1 + n / 10),
}
SKIN = "mtllib model.mtl\nusemtl skin\n"


def mesh(path: Path, category: str, n: int) -> Path:
    """A mesh of a category, in the format of the extension."""
    path.parent.mkdir(parents=True, exist_ok=True)
    SHAPES[category](n).export(path)
    return path


def picture(path: Path, category: str, n: int, size: int = 40, view: int = 0) -> Path:
    """A picture that tells its category by colour and stripes, and a little its number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = CATEGORIES.index(category)
    rows = np.indices((size, size))[kind % 2]
    values = np.full((size, size, 3), 240, dtype=np.uint8)
    values[(rows // (4 + kind)) % 2 == 0, kind] = 60 + 10 * n + view
    Image.fromarray(values).save(path)
    return path


def mi3dor(root: Path, *, objects: int = 3, views: Sequence[int] = range(1, 13)) -> Path:
    """`image/` and `model/` as MI3DOR has them."""
    for split in ("train", "test"):
        for category in CATEGORIES:
            for n in range(objects):
                photo = f"n{CATEGORIES.index(category)}_{n}"
                picture(root / "image" / split / category / photo / f"{photo}.JPEG", category, n)
                id = f"{category}_{split}_{n:04d}"
                for view in views:
                    path = root / "model" / split / category / id / f"{id}_{view:03d}.png"
                    picture(path, category, n, view=view)
    return root


def three_d_future(root: Path, *, models: int = 3) -> Path:
    """`model/` with its list, and `photos/` with the challenge's lists of their models."""
    info, lists = [], {"train_set": [], "validation_set": []}
    for category in CATEGORIES:
        for n in range(models):
            id = f"{category}-{n:04d}"
            textured(root / "model" / id, "raw_model.obj", category, n)
            mesh(root / "model" / id / "normalized_model.obj", category, n)
            picture(root / "model" / id / "image.jpg", category, n)
            info.append(
                {"model_id": id, "super-category": category.title(), "category": category}
                | {"style": "Modern", "theme": None, "material": "Wood"}
            )
            for name, records in lists.items():
                photo = f"{name}-{id}.jpg"
                picture(root / "photos" / "image_data" / photo, category, n)
                records.append({"image": photo, "model": id})
    (root / "model" / "model_info.json").write_text(json.dumps(info))
    for name, records in lists.items():
        folder = root / "photos" / "data_info"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(records))
    return root


def textured(folder: Path, name: str, category: str, n: int) -> Path:
    """An OBJ file with a material file and a texture beside it."""
    path = mesh(folder / name, category, n)
    shape = trimesh.load_mesh(path, process=False)
    corners = "".join(f"v {x} {y} {z}\n" for x, y, z in shape.vertices)
    texels = "".join(f"vt {x % 1} {y % 1}\n" for x, y, _ in shape.vertices)
    faces = "".join("f " + " ".join(f"{i + 1}/{i + 1}" for i in f) + "\n" for f in shape.faces)
    path.write_text(SKIN + corners + texels + faces)
    (folder / "model.mtl").write_text("newmtl skin\nKd 1 1 1\nmap_Kd texture.png\n")
    picture(folder / "texture.png", category, n)
    return path


def modelnet(root: Path) -> Path:
    """`<category>/{train,test}/*.off`."""
    for category in CATEGORIES:
        for split in ("train", "test"):
            for n in range(2):
                mesh(root / category / split / f"{category}_{n:04d}.off", category, n)
    return root


def shapenet(root: Path) -> Path:
    """Synset folders and their taxonomy."""
    synsets = {"bed": "02818832", "chair": "03001627", "table": "04379243"}
    for category, synset in synsets.items():
        for n in range(2):
            mesh(root / synset / f"{n:032x}" / "models" / "model_normalized.obj", category, n)
    taxonomy = [
        {"synsetId": s, "name": f"{c},another name", "children": [], "numInstances": 2}
        for c, s in synsets.items()
    ]
    (root / "taxonomy.json").write_text(json.dumps(taxonomy))
    return root


def manifest(root: Path, *, split: bool = True, model_id: bool = True) -> Path:
    """`models.csv` and `images.csv`, which name files in folders of their own."""
    models, images = [], []
    for category in CATEGORIES:
        for n in range(3):
            path = mesh(root / "meshes" / f"{category}{n}.ply", category, n)
            models.append({"id": f"m-{category}{n}", "path": path.relative_to(root)})
            models[-1]["category"] = category
            for side in ("train", "test"):
                photo = picture(root / "photos" / f"{side}-{category}{n}.png", category, n)
                row = {"id": photo.stem, "path": photo.relative_to(root), "category": category}
                row |= {"split": side} if split else {}
                images.append(row | ({"model_id": f"m-{category}{n}"} if model_id else {}))
    table(root / "models.csv", models)
    table(root / "images.csv", images)
    return root


def table(path: Path, rows: Sequence[dict[str, object]]) -> Path:
    """A CSV file."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def sh3f(path: Path, *, more: Sequence[tuple[str, str]] = ()) -> Path:
    """A furniture library of three pieces, the last of which lies on its back."""
    pieces = path.parent / "pieces"
    lines = ["id=Test", "name=Test", "license=CC-BY \\u00a9 nobody", "# remark"]
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for n, category in enumerate(CATEGORIES, 1):
            folder = pieces / category
            textured(folder, f"{category}.obj", category, n)
            for file in sorted(folder.iterdir()):
                archive.write(file, f"lib/{category}/{file.name}")
            archive.write(picture(pieces / f"{category}.png", category, n), f"lib/{category}.png")
            lines += [f"id#{n}=Test#{category}", f"name#{n}={category.title()} \\u00e4"]
            lines += [f"category#{n}=Room {n % 2}", f"icon#{n}=/lib/{category}.png"]
            lines += [f"model#{n}=/lib/{category}/{category}.obj", f"creator#{n}=Nobody"]
        lines.append(f"modelRotation#{len(CATEGORIES)}=1 0 0 0 0 1 0 -1 0")
        lines += [f"{key}={value}" for key, value in more]
        archive.writestr("LICENSE.TXT", "free")
        archive.writestr("PluginFurnitureCatalog.properties", "\n".join(lines))
    return path
