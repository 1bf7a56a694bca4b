from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401, registers the format for saving
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ucmgcn.core.errors import ItemError
from ucmgcn.core.item_warnings import collect_warnings
from ucmgcn.media.formats import PHOTO_SUFFIXES
from ucmgcn.media.photo_files import photo_size
from ucmgcn.media.photos import load_photo, to_square


def gradient(width: int, height: int) -> np.ndarray:
    """RGB image whose red grows to the right, and whose green grows downwards."""
    red, green = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.stack([red, green, np.full_like(red, 64)], axis=2).round().astype(np.uint8)


def save(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)
    return path


def close(a: np.ndarray, b: np.ndarray, tolerance: float = 3.0) -> bool:
    return np.abs(a.astype(float) - b.astype(float)).mean() < tolerance


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tif", "ppm", "jp2"])
def test_every_format_gives_the_same_square(tmp_path: Path, suffix: str) -> None:
    path = save(Image.fromarray(gradient(64, 64)), tmp_path / f"x.{suffix}")
    photo = load_photo(path, 32)
    assert photo.shape == (32, 32, 3) and photo.dtype == np.uint8
    assert close(photo, gradient(32, 32))


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "LA", "PA", "RGBA", "RGBX"])
def test_every_mode_gives_the_displayed_colours(tmp_path: Path, mode: str) -> None:
    grey = Image.new("RGB", (40, 40), (255, 255, 255))
    grey.paste((0, 0, 0), (0, 0, 20, 40))
    image = grey.convert("P").convert("PA") if mode == "PA" else grey.convert(mode)
    photo = load_photo(save(image, tmp_path / "x.tif"), 40)
    assert close(photo, np.asarray(grey), tolerance=1.0)


def test_a_cmyk_jpeg_keeps_its_colour(tmp_path: Path) -> None:
    image = Image.new("RGB", (32, 32), (200, 40, 90)).convert("CMYK")
    photo = load_photo(save(image, tmp_path / "x.jpg", quality=95), 32)
    assert close(photo, np.full((32, 32, 3), (200, 40, 90)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    upright = Image.fromarray(gradient(64, 64))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in ("x.jpg", "x.png"):
        assert close(load_photo(save(stored, tmp_path / name, exif=exif), 64), gradient(64, 64))


def test_transparency_is_composited_on_white(tmp_path: Path) -> None:
    rgba = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    rgba.paste((255, 0, 0, 128), (16, 0, 32, 32))
    photo = load_photo(save(rgba, tmp_path / "x.png"), 32)
    assert (photo[:, :12] == 255).all()
    np.testing.assert_allclose(photo[:, 20:], np.broadcast_to((255, 127, 127), (32, 12, 3)), atol=1)


def test_a_transparent_colour_is_composited_on_white(tmp_path: Path) -> None:
    rgb = save(Image.new("RGB", (32, 32), (9, 8, 7)), tmp_path / "rgb.png", transparency=(9, 8, 7))
    palette = Image.new("P", (32, 32), 1)
    palette.putpalette([0, 0, 0, 50, 60, 70])
    for path in (rgb, save(palette, tmp_path / "p.gif", transparency=1)):
        assert (load_photo(path, 32) == 255).all()


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bits_are_scaled_not_clipped(tmp_path: Path, suffix: str) -> None:
    values = np.linspace(0, 65535, 64).round().astype(np.uint16)
    image = Image.fromarray(np.broadcast_to(values, (64, 64)).copy())
    assert image.mode.startswith("I;16")
    photo = load_photo(save(image, tmp_path / f"x.{suffix}"), 64)
    expected = np.broadcast_to((values / 257).round()[:, None], (64, 64, 3))
    np.testing.assert_allclose(photo, expected, atol=1)


def test_floating_point_values_are_scaled_by_their_range(tmp_path: Path) -> None:
    values = np.broadcast_to(np.linspace(-2, 3, 64, dtype=np.float32), (64, 64)).copy()
    photo = load_photo(save(Image.fromarray(values), tmp_path / "x.tif"), 64)
    expected = np.broadcast_to(np.linspace(0, 255, 64)[:, None], (64, 64, 3))
    np.testing.assert_allclose(photo, expected, atol=1)
    values[3, 4] = np.nan
    with pytest.raises(ItemError, match="not finite"):
        load_photo(save(Image.fromarray(values), tmp_path / "nan.tif"), 64)


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    path = save(frames[0], tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    assert close(load_photo(path, 32), np.full((32, 32, 3), (255, 0, 0)))


def test_crop_pad_and_squash() -> None:
    wide = Image.fromarray(gradient(120, 40))
    crop = np.asarray(to_square(wide, 40, "crop"))
    np.testing.assert_array_equal(crop, gradient(120, 40)[:, 40:80])
    pad = np.asarray(to_square(wide, 120, "pad"))
    np.testing.assert_array_equal(pad[40:80], gradient(120, 40))
    assert (pad[:40] == 255).all() and (pad[80:] == 255).all()
    squash = np.asarray(to_square(wide, 40, "squash"))
    assert close(squash, gradient(40, 40))
    with pytest.raises(ValueError, match="stretch"):
        to_square(wide, 40, "stretch")  # type: ignore[arg-type]


def test_scaling_down_is_anti_aliased() -> None:
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    small = np.asarray(to_square(Image.fromarray(stripes), 64, "squash"))
    assert np.abs(small[:, 1:-1].astype(int) - 127).max() <= 2


def test_a_large_jpeg_decodes_reduced_and_looks_the_same(tmp_path: Path) -> None:
    large = Image.fromarray(gradient(2000, 2000))
    path = save(large, tmp_path / "x.jpg", quality=95)
    assert close(load_photo(path, 100), np.asarray(to_square(large, 100, "crop")), tolerance=2.0)
    load_photo(path, 100, max_pixels=100_000)


def _jpeg() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(gradient(64, 64)).save(stream, "JPEG")
    return stream.getvalue()


def _packed(kind: str, **options: object) -> bytes:
    pillow_heif.register_heif_opener()
    stream = io.BytesIO()
    Image.fromarray(gradient(64, 64)).save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("x.heic", "HEIF"),
        ("x.heif", "HEIF"),
        ("x.hif", "HEIF"),
        ("x.jxl", "JXL"),
        ("x.avif", "AVIF"),
        ("x.tga", "TGA"),
        ("x.mpo", "MPO"),
        ("x.jfif", "JPEG"),
        ("x.jpe", "JPEG"),
        ("heic-as.jpg", "HEIF"),
    ],
)
def test_photos_of_phones_and_programs_are_read(tmp_path: Path, name: str, kind: str) -> None:
    assert Path(name).suffix in PHOTO_SUFFIXES
    (tmp_path / name).write_bytes(_packed(kind))
    assert close(load_photo(tmp_path / name, 32), gradient(32, 32), tolerance=4)
    assert close(load_photo(io.BytesIO(_packed(kind)), 32), gradient(32, 32), tolerance=4)


@pytest.mark.parametrize("kind", ["HEIF", "JXL"])
def test_a_picture_that_the_decoder_turns_is_turned_once(tmp_path: Path, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    sideways = io.BytesIO()
    upright = Image.fromarray(gradient(64, 64))
    upright.transpose(Image.Transpose.ROTATE_90).save(sideways, kind, exif=exif.tobytes())
    # A JPEG XL file's Exif says how the camera was held, but its pixels are upright.
    seen = upright if kind == "HEIF" else upright.transpose(Image.Transpose.ROTATE_90)
    assert close(load_photo(io.BytesIO(sideways.getvalue()), 64), np.asarray(seen), tolerance=4)


@pytest.mark.parametrize("size", [(64, 64), (100, 50), (1000, 750), (257, 13), (4000, 30)])
@pytest.mark.parametrize("exif", [b"", b"Exif\0\0MM\0\x2a\0\0\0\x08\0\0"])
def test_the_size_of_a_jpeg_xl_is_known_before_it_is_decoded(
    size: tuple[int, int], exif: bytes
) -> None:
    stream = io.BytesIO()
    Image.new("RGB", size, (9, 80, 7)).save(stream, "JXL", **({"exif": exif} if exif else {}))
    stream.seek(0)
    assert photo_size(stream) == size and stream.tell() == 0
    with pytest.raises(ItemError, match="too large"):
        load_photo(stream, 32, max_pixels=size[0] * size[1] - 1)


def test_a_jpeg_that_lacks_its_last_bytes_is_used_with_a_warning(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "JPEG")
    whole, path = stream.getvalue(), tmp_path / "x.jpg"
    path.write_bytes(whole[:-300])
    with collect_warnings() as found:
        photo = load_photo(path, 128)
        load_photo(io.BytesIO(whole[:-300]), 128)
    assert close(photo[:104], load_photo(io.BytesIO(whole), 128)[:104])
    ((what, detail),) = [(warning.what, warning.detail) for warning in found]
    assert what == "photo damaged in part, used" and "lacks" in detail
    with pytest.raises(ItemError, match=r"truncated, and lacks \d\d% of it"):
        load_photo(io.BytesIO(whole[: len(whole) // 2]), 128)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("text.jpg", b"not a photo at all", "no image of a known format"),
        ("empty.jpg", b"", "no image of a known format"),
        ("half.jxl", _packed("JXL")[:60], "JPEG XL.*damaged"),
        ("half.heic", _packed("HEIF")[:300], "HEIC.*damaged"),
        ("head.jpg", _jpeg()[:20], "no image|cannot be decoded"),
        (
            "program.jpg",
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
            "no image of a known",
        ),
    ],
)
def test_a_damaged_file_is_an_item_error(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ItemError, match=reason):
        load_photo(tmp_path / name, 32)


def test_a_missing_file_a_folder_and_sizes_out_of_bounds_are_item_errors(tmp_path: Path) -> None:
    with pytest.raises(ItemError, match="No such file"):
        load_photo(tmp_path / "none.jpg", 32)
    with pytest.raises(ItemError, match="directory"):
        load_photo(tmp_path, 32)
    for size in ((1, 1), (500, 2)):
        dot = save(Image.new("RGB", size), tmp_path / "dot.png")
        with pytest.raises(ItemError, match=r"too small: .* pixels"):
            load_photo(dot, 32)
    large = save(Image.new("1", (400, 300)), tmp_path / "large.png")
    with pytest.raises(ItemError, match="too large: 400x300"):
        load_photo(large, 32, max_pixels=100_000)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    header = b"P6\n60000 60000\n255\n"
    (tmp_path / "bomb.ppm").write_bytes(header)
    with pytest.raises(ItemError, match=r"decompression bomb|too large"):
        load_photo(tmp_path / "bomb.ppm", 32)


@settings(max_examples=60, deadline=None)
@given(position=st.integers(0, 10_000), value=st.integers(0, 255), keep=st.integers(1, 10_000))
def test_any_damage_gives_a_photo_or_an_item_error(
    tmp_path_factory: pytest.TempPathFactory, position: int, value: int, keep: int
) -> None:
    content = bytearray(_jpeg())
    content[position % len(content)] = value
    path = tmp_path_factory.mktemp("damage") / "x.jpg"
    path.write_bytes(content[: 1 + keep % len(content)])
    try:
        assert load_photo(path, 16).shape == (16, 16, 3)
    except ItemError as error:
        assert str(error)


def test_the_requested_filter_is_used(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "x.png")
    for name, method in (("bilinear", Image.Resampling.BILINEAR), ("bicubic", 3)):
        expected = np.asarray(Image.fromarray(picture).resize((24, 24), method))
        for resize in ("crop", "pad", "squash"):
            loaded = load_photo(tmp_path / "x.png", 24, resize, resample=name)
            np.testing.assert_array_equal(loaded, expected)
