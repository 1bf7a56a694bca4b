from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from ucmgcn.encoders import BACKBONES, EncoderSpec, open_encoder
from ucmgcn.encoders.onnx_encoder import OnnxEncoder
from ucmgcn.encoders.torch_encoder import TorchEncoder, export_onnx, load_backbone
from ucmgcn.errors import UserError
from ucmgcn.images import load_photo

# Known: the tracing exporter works with the pinned torch, see export_onnx.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*TorchScript-based ONNX export.*:DeprecationWarning",
    "ignore:The feature will be removed:DeprecationWarning",
    "ignore:Constant folding:UserWarning",
)

LITE0 = EncoderSpec("efficientnet-lite0", "pooled+logits")


@pytest.fixture(scope="module")
def onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "lite0.onnx"
    export_onnx(LITE0, path)
    return path


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (5, 7, 7, 3), dtype=np.uint8)
    return coarse.repeat(32, axis=1).repeat(32, axis=2)


def least_cosine(a: np.ndarray, b: np.ndarray) -> float:
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / norms).min())


def test_logits_are_those_of_the_unwrapped_network(onnx: Path, images: np.ndarray) -> None:
    body = load_backbone(LITE0)
    inputs = torch.from_numpy((images.astype(np.float32) - 127) / 128).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = body(inputs).numpy()
    logits = OnnxEncoder(onnx).encode(images)[:, 1280:]
    np.testing.assert_allclose(logits, expected, atol=1e-3)
    assert least_cosine(logits, expected) > 0.99999


@pytest.mark.parametrize(
    "spec",
    [
        LITE0,
        EncoderSpec(output="pooled", flip=True),
        EncoderSpec(output="max"),
        EncoderSpec(output="logits"),
    ],
    ids=lambda spec: f"{spec.output}-{spec.flip}",
)
def test_the_export_equals_torch(tmp_path: Path, images: np.ndarray, spec: EncoderSpec) -> None:
    export_onnx(spec, tmp_path / "x.onnx")
    exported = open_encoder(spec, "cpu", tmp_path / "x.onnx", batch=2).encode(images)
    direct = TorchEncoder(spec, "cpu").encode(images)
    assert exported.dtype == direct.dtype == np.float32
    assert exported.shape == direct.shape == (5, spec.dim)
    assert least_cosine(exported, direct) > 0.9999
    np.testing.assert_allclose(exported, direct, atol=1e-3)


def test_an_export_is_reproducible(onnx: Path, tmp_path: Path) -> None:
    export_onnx(LITE0, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == onnx.read_bytes()


def test_features_do_not_depend_on_the_batch_or_on_other_threads(
    onnx: Path, images: np.ndarray
) -> None:
    encoder = OnnxEncoder(onnx, batch=3)
    together = encoder.encode(images)
    np.testing.assert_array_equal(encoder.encode(images), together)
    alone = np.concatenate([encoder.encode(image[None]) for image in images])
    np.testing.assert_allclose(alone, together, atol=1e-5)
    with ThreadPoolExecutor(4) as pool:
        for features in pool.map(encoder.encode, [images] * 8):
            np.testing.assert_array_equal(features, together)
    np.testing.assert_allclose(
        OnnxEncoder(onnx, batch=8, threads=2).encode(images), together, atol=1e-5
    )


def test_no_images_give_no_features(onnx: Path) -> None:
    nothing = np.empty((0, 224, 224, 3), np.uint8)
    assert OnnxEncoder(onnx).encode(nothing).shape == (0, 2280)
    assert TorchEncoder(LITE0, "cpu").encode(nothing).shape == (0, 2280)


def test_flip_averages_over_the_mirror_image(tmp_path: Path, images: np.ndarray) -> None:
    plain = TorchEncoder(EncoderSpec(), "cpu")
    flipped = TorchEncoder(EncoderSpec(flip=True), "cpu").encode(images)
    mirror = np.ascontiguousarray(images[:, :, ::-1])
    expected = (plain.encode(images) + plain.encode(mirror)) / 2
    np.testing.assert_allclose(flipped, expected, atol=1e-4)


def test_images_of_another_shape_or_type_are_a_bug(onnx: Path, images: np.ndarray) -> None:
    for encoder in (OnnxEncoder(onnx), TorchEncoder(LITE0, "cpu")):
        for wrong in (images[:, :100], images.astype(np.float32)):
            with pytest.raises(ValueError, match="not uint8"):
                encoder.encode(wrong)


@pytest.mark.parametrize("name", BACKBONES)
def test_the_registry_agrees_with_the_libraries(name: str) -> None:
    utils = pytest.importorskip(f"{BACKBONES[name].library}.utils")
    _, parameters = utils.get_model_params(name, {})
    fixed = (True,) if "lite" in name else ()
    assert BACKBONES[name].size == parameters.image_size
    assert BACKBONES[name].width == utils.round_filters(1280, parameters, *fixed)


def test_b0_takes_a_file_of_weights(tmp_path: Path, images: np.ndarray) -> None:
    from efficientnet_pytorch import EfficientNet

    torch.manual_seed(0)
    body = EfficientNet.from_name("efficientnet-b0").eval()
    torch.save(body.state_dict(), tmp_path / "b0.pth")
    spec = EncoderSpec("efficientnet-b0", "logits", weights=tmp_path / "b0.pth")
    export_onnx(spec, tmp_path / "b0.onnx")
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    inputs = torch.from_numpy((images / np.float32(255) - mean) / std).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = body(inputs).numpy()
    logits = open_encoder(spec, "cpu", tmp_path / "b0.onnx", batch=8).encode(images)
    assert least_cosine(logits, expected) > 0.9999


def test_weights_that_are_missing_or_wrong_are_named_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"efficientnet-b4 needs a file.*github\.com"):
        EncoderSpec("efficientnet-b4").describe()
    with pytest.raises(UserError, match=r"no file .*none\.pth.*Download efficientnet-b4"):
        EncoderSpec("efficientnet-b4", weights=tmp_path / "none.pth").describe()
    with pytest.raises(UserError, match="no efficientnet-b9; choose one of efficientnet-lite0"):
        _ = EncoderSpec("efficientnet-b9").size
    lite0 = LITE0.weights_file()
    for file in (lite0, _text(tmp_path / "text.pth")):
        with pytest.raises(UserError, match="does not hold the weights of efficientnet-b0"):
            load_backbone(EncoderSpec("efficientnet-b0", weights=file))


def _text(path: Path) -> Path:
    path.write_text("no weights")
    return path


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('code of the file was run')",)


def test_weights_cannot_run_code(tmp_path: Path) -> None:
    torch.save({"_fc.bias": Malicious()}, tmp_path / "evil.pth")
    with pytest.raises(UserError, match="does not hold the weights"):
        load_backbone(EncoderSpec(weights=tmp_path / "evil.pth"))


def test_an_export_of_other_settings_or_of_something_else_is_refused(
    onnx: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="exported with other settings"):
        open_encoder(EncoderSpec(output="logits"), "cpu", onnx, batch=8)
    with pytest.raises(UserError, match=r"text\.onnx is no exported encoder"):
        OnnxEncoder(_text(tmp_path / "text.onnx"))


def test_a_cpu_needs_no_torch(onnx: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import ucmgcn.features; "
        "from ucmgcn.encoders import EncoderSpec, open_encoder; "
        f"open_encoder(EncoderSpec(output='pooled+logits'), 'cpu', Path({str(onnx)!r}), 8); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_gives_the_same_features_in_half_precision(onnx: Path, images: np.ndarray) -> None:
    on_gpu = TorchEncoder(LITE0, "cuda").encode(images)
    assert least_cosine(on_gpu, OnnxEncoder(onnx).encode(images)) > 0.999


@pytest.mark.benchmark_data
def test_photos_are_recognised(onnx: Path, benchmark_data: Path) -> None:
    """Most airliners, rocking chairs, mugs and sofas go by these names among 1,000 classes."""
    encoder = OnnxEncoder(onnx)
    for category, classes in {
        "airplane": {404, 895},
        "sofa": {831},
        "cup": {504, 967, 968},
    }.items():
        paths = sorted((benchmark_data / "images" / category).iterdir())[:24]
        photos = np.stack([load_photo(path, encoder.size) for path in paths])
        best = encoder.encode(photos)[:, 1280:].argmax(axis=1)
        assert np.isin(best, list(classes)).mean() > 0.6, category
