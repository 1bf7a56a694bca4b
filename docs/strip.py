"""Draw docs/strip.jpg: photos of the demo set and the models that were found for them.

    python docs/strip.py results/demo docs/strip.jpg
    python docs/strip.py results/sweethome3d results/sweethome3d/strip.jpg

The photos stand at fixed quantiles of the share of hits among the first ten models or, where the
exact model of each photo is known, of its rank: none is hand-picked. Whose the shown models are,
and under which licence, is printed where the manifest says it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont, ImageOps

from ucmgcn.files.shards import open_shard

TOP = 7
SIDE = 150
GAP = 10
QUANTILES = (0.8, 0.4, 0.2, 0.1)
Feature = npt.NDArray[np.float32]

EXACT = "exact"
METHOD, PROTOCOL = "ucm-gcn", "inductive"
HIT, MISS, INK, GROUND = (26, 127, 55), (207, 34, 46), (31, 35, 40), (255, 255, 255)


def choose(ranking: pd.DataFrame) -> list[str]:
    """Ids of the queries at the quantiles of the share of hits among the first ten models."""
    first = ranking[ranking["rank"] <= 10]
    quality = (first["hit"] / first["rank"] if EXACT in first else first["hit"]).groupby(
        first["query"]
    )
    quality = quality.mean().sort_values(kind="stable")
    return [str(quality.index[round(q * (len(quality) - 1))]) for q in QUANTILES]


def nearest_views(results: Path, photo: Feature, wanted: set[str]) -> dict:
    """The view of each wanted model whose feature is nearest to the photo's."""
    found = {}
    for path in sorted(results.glob("features/*/views/shard-*.h5")):
        with (
            open_shard(path, "view-features") as features,
            open_shard(results / "views" / path.name, "views") as views,
        ):
            for row, id in enumerate(features.ids):
                if id in wanted:
                    f = features.array[row]
                    cosine = f @ photo / np.linalg.norm(f, axis=1)
                    found[id] = views.array[row, int(cosine.argmax())]
    return found


def photo_features(results: Path) -> dict[str, Feature]:
    """Features of all photos by id."""
    features = {}
    for path in sorted(results.glob("features/*/images/shard-*.h5")):
        with open_shard(path, "image-features") as shard:
            features.update(zip(shard.ids, shard.array[:], strict=True))
    return features


def tile(image: Image.Image, colour: tuple[int, int, int], label: str) -> Image.Image:
    """A square picture with a coloured border and a label below."""
    side = SIDE - 6
    framed = ImageOps.expand(ImageOps.pad(image, (side, side), color=GROUND), 3, colour)
    out = Image.new("RGB", (SIDE, SIDE + 22), GROUND)
    out.paste(framed, (0, 0))
    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 12)
    ImageDraw.Draw(out).text((SIDE // 2, SIDE + 11), label, INK, font, anchor="mm")
    return out


def picture(path: str) -> Image.Image:
    """A photo, upright and on white."""
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, (*GROUND, 255)), image).convert(
        "RGB"
    )


def exact_hits(ranking: pd.DataFrame, photos: pd.DataFrame) -> pd.DataFrame:
    """Count the exact model of each photo as its only hit, where it is known."""
    if "model_id" not in photos:
        return ranking
    hit = (ranking["query"].map(photos["model_id"]) == ranking["model"]).astype(int)
    return ranking.assign(hit=hit, **{EXACT: True})


def credits(models: pd.DataFrame, shown: set[str]) -> list[str]:
    """Lines of attribution: licence, creator, and the models of theirs that are shown."""
    if not {"creator", "licence"} <= set(models):
        return []
    groups = models.loc[sorted(shown)].groupby(["licence", "creator"])
    return [f"{licence}: {whose}: {', '.join(part.index)}" for (licence, whose), part in groups]


def row(
    results: Path,
    query: str,
    ranking: pd.DataFrame,
    path: str,
    feature: Feature,
    names: pd.Series,
) -> list[Image.Image]:
    """The photo and its first models."""
    top = ranking[ranking["query"] == query].sort_values("rank").head(TOP)
    views = nearest_views(results, feature, set(top["model"]))
    tiles = [tile(picture(path), INK, "photo")]
    for model, hit in zip(top["model"], top["hit"], strict=True):
        mark = f"{'✓' if hit else '✗'} {names[model]}"
        tiles.append(tile(Image.fromarray(views[model]), HIT if hit else MISS, mark))
    return tiles


def main() -> None:
    """Write the picture."""
    results, out = Path(sys.argv[1]), Path(sys.argv[2])
    ranking = pd.read_csv(results / "tables" / "ranking.csv.gz")
    ranking = ranking[(ranking["method"] == METHOD) & (ranking["protocol"] == PROTOCOL)]
    ranking = ranking[ranking["seed"].astype(str) == min(ranking["seed"].astype(str))]
    photos = pd.read_csv(results / "manifest" / "images.csv", dtype=str).set_index("id")
    models = pd.read_csv(results / "manifest" / "models.csv", dtype=str).set_index("id")
    names = models["name" if "name" in models else "category"].str.slice(0, 20)
    ranking = exact_hits(ranking, photos)
    features = photo_features(results)
    chosen = choose(ranking)
    rows = [row(results, q, ranking, photos["path"][q], features[q], names) for q in chosen]
    step = SIDE + GAP
    sheet = Image.new("RGB", ((TOP + 1) * step + 2 * GAP, len(rows) * (step + 22) + GAP), GROUND)
    for y, tiles in enumerate(rows):
        for x, picture in enumerate(tiles):
            sheet.paste(picture, (GAP + x * step + (GAP if x else 0), GAP + y * (step + 22)))
    sheet.save(out, quality=88)
    top = ranking[ranking["query"].isin(chosen) & (ranking["rank"] <= TOP)]
    shown = {*top["model"], *(photos["model_id"][chosen] if "model_id" in photos else ())}
    sys.stdout.writelines(f"{line}\n" for line in credits(models, shown))


if __name__ == "__main__":
    main()
