from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ucmgcn.core.errors import UserError
from ucmgcn.features.encoders.bodies import load_body
from ucmgcn.features.encoders.encoder import Input
from ucmgcn.features.encoders.onnx_encoder import OnnxEncoder
from ucmgcn.features.encoders.open import open_encoder
from ucmgcn.features.encoders.registry import BACKBONES
from ucmgcn.features.encoders.spec import EncoderSpec
from ucmgcn.features.encoders.torch_encoder import TorchEncoder, export_onnx
from ucmgcn.media.photos import load_photo

# The tracing exporter is deprecated, but works with the pinned torch, see export_onnx.
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
    body = load_body(LITE0, LITE0.members[0]).net
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
    dim = {"pooled": 1280, "max": 1280, "logits": 1000, "pooled+logits": 2280}[spec.output]
    assert exported.shape == direct.shape == (5, dim)
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


def test_images_of_another_shape_or_dtype_are_value_errors(onnx: Path, images: np.ndarray) -> None:
    for encoder in (OnnxEncoder(onnx), TorchEncoder(LITE0, "cpu")):
        for wrong in (images[:, :100], images.astype(np.float32)):
            with pytest.raises(ValueError, match="not uint8"):
                encoder.encode(wrong)
        with pytest.raises(ValueError, match="2 arrays of images for 1 inputs"):
            encoder.encode(images, images)


@pytest.mark.parametrize("name", BACKBONES)
def test_the_registry_agrees_with_the_libraries(name: str) -> None:
    utils = pytest.importorskip(f"{BACKBONES[name].library}.utils")
    _, parameters = utils.get_model_params(name, {})
    assert BACKBONES[name].size == parameters.image_size


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


def test_weights_that_do_not_fit_are_a_user_error(tmp_path: Path) -> None:
    lite0 = LITE0.local_file(LITE0.members[0])
    assert lite0
    for file in (lite0, _text(tmp_path / "text.pth")):
        with pytest.raises(UserError, match="does not hold the weights of efficientnet-b0"):
            _load(EncoderSpec("efficientnet-b0", weights=file))


def _load(spec: EncoderSpec) -> Any:
    return load_body(spec, spec.members[0])


def _text(path: Path) -> Path:
    path.write_text("no weights")
    return path


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('code of the file was run')",)


def test_weights_cannot_run_code(tmp_path: Path) -> None:
    torch.save({"_fc.bias": Malicious()}, tmp_path / "evil.pth")
    with pytest.raises(UserError, match="does not hold the weights"):
        _load(EncoderSpec(weights=tmp_path / "evil.pth"))


def test_an_export_with_other_settings_and_another_file_are_refused(
    onnx: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="exported with other settings"):
        open_encoder(EncoderSpec(output="logits"), "cpu", onnx, batch=8)
    with pytest.raises(UserError, match=r"text\.onnx is damaged \(not an exported encoder"):
        OnnxEncoder(_text(tmp_path / "text.onnx"))


def test_a_cpu_needs_no_torch(onnx: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import ucmgcn.features.stage; "
        "from ucmgcn.features.encoders.open import open_encoder; "
        "from ucmgcn.features.encoders.spec import EncoderSpec; "
        f"open_encoder(EncoderSpec(output='pooled+logits'), 'cpu', Path({str(onnx)!r}), 8); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


LITE = [EncoderSpec(f"efficientnet-lite{i}") for i in (0, 2)]
FUSION = EncoderSpec("efficientnet-lite0*2+efficientnet-lite2*0.5")


@pytest.fixture(scope="module")
def fusion(tmp_path_factory: pytest.TempPathFactory) -> OnnxEncoder:
    path = tmp_path_factory.mktemp("onnx") / "fusion.onnx"
    export_onnx(FUSION, path)
    return OnnxEncoder(path)


def scaled(images: np.ndarray, size: int) -> np.ndarray:
    return np.stack([np.asarray(Image.fromarray(image).resize((size, size))) for image in images])


def test_the_cosine_of_a_fusion_is_the_weighted_mean_of_its_networks_cosines(
    fusion: OnnxEncoder, images: np.ndarray
) -> None:
    assert fusion.inputs == (Input(224), Input(260))
    arrays = [scaled(images, i.size) for i in fusion.inputs]
    alone = [TorchEncoder(s, "cpu").encode(a) for s, a in zip(LITE, arrays, strict=True)]
    unit = [f / np.linalg.norm(f, axis=1, keepdims=True) for f in alone]
    expected = (2 * unit[0] @ unit[0].T + 0.5 * unit[1] @ unit[1].T) / 2.5
    fused = fusion.encode(*arrays)
    assert fused.shape == (5, 2 * 1280)
    np.testing.assert_allclose(fused @ fused.T, expected, atol=1e-4)
    assert least_cosine(fused, TorchEncoder(FUSION, "cpu").encode(*arrays)) > 0.9999


def test_networks_with_the_same_input_share_its_images(tmp_path: Path, images: np.ndarray) -> None:
    from efficientnet_pytorch import EfficientNet

    torch.save(EfficientNet.from_name("efficientnet-b0").state_dict(), tmp_path / "b0.pth")
    spec = EncoderSpec(
        "efficientnet-lite0+efficientnet-b0", weights={"efficientnet-b0": tmp_path / "b0.pth"}
    )
    encoder = TorchEncoder(spec, "cpu")
    assert encoder.inputs == (Input(224),)
    assert encoder.encode(images).shape == (5, 2560)


def test_the_input_size_can_be_set(images: np.ndarray) -> None:
    encoder = TorchEncoder(EncoderSpec("efficientnet-lite0@97"), "cpu")
    assert encoder.inputs == (Input(97),)
    assert encoder.encode(scaled(images, 97)).shape == (5, 1280)


def test_the_same_weights_are_exported_once(tmp_path: Path) -> None:
    cache, weights = tmp_path / "cache", tmp_path / "lite0.pth"
    state = torch.load(LITE[0].local_file(LITE[0].members[0]), weights_only=True)
    torch.save(state, weights)
    spec = EncoderSpec(weights=weights)
    export_onnx(spec, tmp_path / "1.onnx", cache)
    (kept,) = cache.iterdir()
    made = kept.stat().st_mtime_ns
    export_onnx(spec, tmp_path / "2.onnx", cache)
    assert kept.stat().st_mtime_ns == made
    assert (tmp_path / "1.onnx").read_bytes() == (tmp_path / "2.onnx").read_bytes()
    state["_fc.bias"] += 1
    torch.save(state, tmp_path / "other.pth")
    export_onnx(EncoderSpec(weights=tmp_path / "other.pth"), tmp_path / "3.onnx", cache)
    assert len(list(cache.iterdir())) == 2
    kept.write_bytes(kept.read_bytes()[:1000])
    export_onnx(spec, tmp_path / "4.onnx", cache)
    assert (tmp_path / "1.onnx").read_bytes() == (tmp_path / "4.onnx").read_bytes()


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
        photos = np.stack([load_photo(path, encoder.inputs[0].size) for path in paths])
        best = encoder.encode(photos)[:, 1280:].argmax(axis=1)
        assert np.isin(best, list(classes)).mean() > 0.6, category
