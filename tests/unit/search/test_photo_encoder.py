"""Every form in which a photo may be given reaches the encoder as the same picture."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ucmgcn.core.errors import ItemError
from ucmgcn.features.encoders.encoder import Input
from ucmgcn.search.photo_encoder import PhotoEncoder


class Pixels:
    """An encoder whose features are the picture itself."""

    batch = 1
    dim = 3 * 32 * 32
    inputs = (Input(32),)

    def __init__(self, *looks: str) -> None:
        self.looks = list(looks)

    def describe(self) -> dict:
        return {"looks": self.looks} if self.looks else {}

    def encode(self, images: np.ndarray) -> np.ndarray:
        return images.reshape(len(images), -1).astype(np.float32)


@pytest.fixture(scope="module")
def encode() -> PhotoEncoder:
    return PhotoEncoder(Pixels(), "crop")


@pytest.fixture
def picture() -> Image.Image:
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8))


def saved(image: Image.Image, path: Path, **how: object) -> Path:
    image.save(path, **how)
    return path


def test_files_contents_pictures_and_arrays_are_the_same_photo(encode, picture, tmp_path) -> None:
    file = saved(picture, tmp_path / "photo.png")
    expected = encode(file)
    # An array need not be contiguous.
    array = np.asfortranarray(np.asarray(picture))
    for photo in (str(file), file.read_bytes(), picture, Image.open(file), array):
        np.testing.assert_array_equal(encode(photo), expected)


def test_the_looks_of_an_adapted_encoder_are_averaged_by_direction(picture, tmp_path) -> None:
    file = saved(picture, tmp_path / "photo.png")
    alone = [PhotoEncoder(Pixels(), way)(file) for way in ("crop", "pad")]
    expected = sum(look / np.linalg.norm(look) for look in alone) / 2
    both = PhotoEncoder(Pixels("crop", "pad"), "squash")(file)
    np.testing.assert_allclose(both, expected, rtol=1e-5)


def test_a_picture_is_turned_upright_as_its_file_is(encode, picture, tmp_path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turned by 90 degrees
    file = saved(picture, tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(encode(Image.open(file)), encode(file))
    assert (encode(file) != encode(picture)).any()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "I", "F"])
def test_a_picture_of_any_mode_is_read_as_its_file_is(encode, picture, tmp_path, mode) -> None:
    if mode == "RGBA":
        image = picture.copy()
        image.putalpha(90)
    elif mode == "I;16":
        image = Image.fromarray(np.arange(40 * 60, dtype=np.uint16).reshape(40, 60) * 20)
    else:
        image = picture.convert(mode)
    file = saved(image, tmp_path / "photo.tiff")
    np.testing.assert_array_equal(encode(image), encode(file))


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((40, 60)), r"float64 of shape \(40, 60\)"),
        (np.zeros((40, 60, 3)), "float64"),
        (np.zeros((3, 40, 60), np.uint8), r"shape \(3, 40, 60\)"),
        (np.zeros((40, 60, 4), np.uint8), r"shape \(h, w, 3\)"),
        (np.zeros((0, 60, 3), np.uint8), r"shape \(0, 60, 3\)"),
        (np.zeros((4, 4, 3), np.uint8), "too small"),
    ],
)
def test_another_array_says_what_it_must_be(encode, array, said) -> None:
    with pytest.raises(ItemError, match=said):
        encode(array)


def test_what_cannot_be_read_is_one_clear_line(encode, picture, tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    half = Image.open(io.BytesIO(buffer.getvalue()[:500]))
    for photo, said in (
        (tmp_path / "none.jpg", "no such file"),
        (str(tmp_path), "not a regular file"),
        (tmp_path / "pipe.jpg", "not a regular file"),
        ("x" * 300, "cannot be read"),
        (b"no image", "no image of a known format"),
        (half, "cannot be decoded"),
    ):
        with pytest.raises(ItemError, match=said) as caught:
            encode(photo)
        assert "\n" not in str(caught.value)


def test_what_could_be_no_photo_is_a_type_error(encode) -> None:
    with pytest.raises(TypeError, match="not int"):
        encode(7)
