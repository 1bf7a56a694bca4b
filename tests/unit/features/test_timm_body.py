"""timm models with random weights: the published ones need a download."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ucmgcn.core.errors import UserError
from ucmgcn.features.encoders.encoder import Input
from ucmgcn.features.encoders.halves import split
from ucmgcn.features.encoders.onnx_encoder import OnnxEncoder
from ucmgcn.features.encoders.open import open_encoder
from ucmgcn.features.encoders.spec import EncoderSpec
from ucmgcn.features.encoders.timm_body import import_timm
from ucmgcn.features.encoders.torch_encoder import Fusion, TorchEncoder, export_onnx

# The tracing exporter is deprecated, but works with the pinned torch, see export_onnx.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*TorchScript-based ONNX export.*:DeprecationWarning",
    "ignore:The feature will be removed:DeprecationWarning",
    "ignore:Constant folding:UserWarning",
    "ignore::torch.jit.TracerWarning",
    "ignore:ONNX export mode is set to TrainingMode.EVAL:UserWarning",
)

# A convolutional network, transformers (class token, register tokens, attention pooling), and one
# whose feature maps have their channels last.
MODELS = [
    "test_efficientnet.r160_in1k",
    "test_vit.r160_in1k",
    "test_vit2.r160_in1k",
    "test_vit3.r160_in1k",
    "test_nfnet.r160_in1k",
    "test_convnext.r160_in1k",
]


@pytest.fixture(scope="session")
def timm() -> Any:
    try:
        return import_timm()
    except UserError as error:
        pytest.skip(str(error))


@pytest.fixture
def weights(timm: Any, tmp_path: Path) -> Any:
    from safetensors.torch import save_file

    def make(name: str) -> Path:
        torch.manual_seed(0)
        path = tmp_path / f"{name}.safetensors"
        save_file(timm.create_model(name, pretrained=False).state_dict(), path)
        return path

    return make


def pictures(size: int, n: int = 3) -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)
    large = [Image.fromarray(image).resize((size, size)) for image in coarse]
    return np.stack([np.asarray(image) for image in large])


def least_cosine(a: np.ndarray, b: np.ndarray) -> float:
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / norms).min())


@pytest.mark.parametrize("name", MODELS)
def test_the_export_equals_timm_with_its_own_preprocessing(
    timm: Any, weights: Any, tmp_path: Path, name: str
) -> None:
    from torchvision import transforms

    spec = EncoderSpec(f"timm:{name}", "pooled+logits", weights=weights(name))
    export_onnx(spec, tmp_path / "x.onnx")
    encoder = open_encoder(spec, "cpu", tmp_path / "x.onnx")
    net = timm.create_model(name, pretrained=False).eval()
    net.load_state_dict(timm.models.load_state_dict(weights(name)))
    data = timm.data.resolve_model_data_config(net)
    assert encoder.inputs == (Input(data["input_size"][1], data["interpolation"]),)
    images = pictures(encoder.inputs[0].size)
    normalise = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize(data["mean"], data["std"])]
    )
    inputs = torch.stack([normalise(Image.fromarray(image)) for image in images])
    with torch.no_grad():
        logits = net(inputs).numpy()
        pooled = net.forward_head(net.forward_features(inputs), pre_logits=True).numpy()
    features = encoder.encode(images)
    assert least_cosine(features, np.hstack([pooled, logits])) > 0.9999
    assert least_cosine(features, TorchEncoder(spec, "cpu").encode(images)) > 0.9999


@pytest.mark.parametrize("name", ["test_efficientnet.r160_in1k", "test_vit.r160_in1k"])
def test_the_input_size_can_be_set(timm: Any, weights: Any, tmp_path: Path, name: str) -> None:
    spec = EncoderSpec(f"timm:{name}@96", weights=weights(name))
    export_onnx(spec, tmp_path / "x.onnx")
    encoder = OnnxEncoder(tmp_path / "x.onnx")
    assert [i.size for i in encoder.inputs] == [96]
    images = pictures(96)
    assert least_cosine(encoder.encode(images), TorchEncoder(spec, "cpu").encode(images)) > 0.9999


def test_a_size_that_a_network_cannot_take_is_refused(timm: Any, weights: Any) -> None:
    name = "maxvit_rmlp_pico_rw_256.sw_in1k"
    with pytest.raises(UserError, match=r"maxvit.*@100.* does not take images of 100 px"):
        TorchEncoder(EncoderSpec(f"timm:{name}@100", weights=weights(name)), "cpu")


@pytest.mark.parametrize("name", [*MODELS, "swin_tiny_patch4_window7_224.ms_in1k"])
def test_the_maximum_is_over_the_image_alone(timm: Any, weights: Any, name: str) -> None:
    encoder = TorchEncoder(EncoderSpec(f"timm:{name}", "max", weights=weights(name)), "cpu")
    body = encoder._network.networks[0].body
    images = pictures(encoder.inputs[0].size, 1)
    inputs = (torch.from_numpy(images).permute(0, 3, 1, 2) - encoder._network.networks[0].mean) / (
        encoder._network.networks[0].std
    )
    with torch.no_grad():
        maps = body.maps(inputs)
    size = encoder._network.networks[0].body.net.num_features
    cells = [axis for axis in range(1, maps.ndim) if maps.shape[axis] != size]
    plain = maps.amax(cells) if maps.ndim == 4 else maps[:, body.net.num_prefix_tokens :].amax(1)
    np.testing.assert_allclose(encoder.encode(images), plain.numpy(), atol=1e-4)


def test_networks_of_two_libraries_fuse(timm: Any, weights: Any, tmp_path: Path) -> None:
    name = "timm:test_vit.r160_in1k"
    spec = EncoderSpec(f"efficientnet-lite0+{name}*0.25", weights={name: weights(name[5:])})
    export_onnx(spec, tmp_path / "x.onnx")
    encoder = OnnxEncoder(tmp_path / "x.onnx")
    assert encoder.inputs == (Input(224), Input(160, "bicubic"))
    arrays = [pictures(224), pictures(160)]
    features = encoder.encode(*arrays)
    np.testing.assert_allclose((features[:, :1280] ** 2).sum(1), 0.8, atol=1e-4)
    np.testing.assert_allclose((features[:, 1280:] ** 2).sum(1), 0.2, atol=1e-4)
    assert least_cosine(features, TorchEncoder(spec, "cpu").encode(*arrays)) > 0.9999


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vit_smal_patch14_dinov2", "timm has no model vit_smal.*did you mean vit_small_patch14_"),
        ("test_vit.none", r"timm has no weights test_vit\.none; did you mean test_vit"),
        (
            "test_vit.r160_in1k",
            r"no weights of timm:test_vit.* \(https://huggingface\.co/timm/test_vit",
        ),
    ],
)
def test_errors_of_unknown_models_and_missing_weights_say_what_to_do(
    timm: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, message: str
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=message):
        TorchEncoder(EncoderSpec(f"timm:{name}"), "cpu")


def test_weights_of_another_model_and_damaged_weights_are_refused(
    timm: Any, weights: Any, tmp_path: Path
) -> None:
    for suffix in ("safetensors", "pth", "npz"):
        (tmp_path / f"text.{suffix}").write_text("no weights")
    files = [weights("test_vit2.r160_in1k"), *sorted(tmp_path.glob("text.*"))]
    assert len(files) == 4
    for file in files:
        with pytest.raises(UserError, match=f"{file.name} does not hold the weights of timm:test_"):
            TorchEncoder(EncoderSpec("timm:test_vit.r160_in1k", weights=file), "cpu")


def test_a_model_without_classifier_has_no_logits(timm: Any, weights: Any) -> None:
    name = "vit_small_patch16_224.dino"
    with pytest.raises(UserError, match=f"timm:{name} has no classifier; take pooled or max"):
        TorchEncoder(EncoderSpec(f"timm:{name}", "logits", weights=weights(name)), "cpu")


class Hub(http.server.BaseHTTPRequestHandler):
    """A minimal hub: one model with one file."""

    content = b"weights"
    asked: list[str]

    def do_HEAD(self) -> None:
        self.answer(b"")

    def do_GET(self) -> None:
        self.answer(self.content)

    def answer(self, body: bytes) -> None:
        self.asked.append(f"{self.command} {self.path}")
        found = self.path == "/timm/one/resolve/main/model.safetensors"
        self.send_response(200 if found else 404)
        self.send_header("ETag", f'"{sha256(self.content).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        if not found:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("Content-Length", str(len(self.content) if found else 0))
        self.end_headers()
        self.wfile.write(body if found else b"")

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def hub() -> Iterator[tuple[type[Hub], str]]:
    handler = type("OneHub", (Hub,), {"asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield handler, f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


FETCH = """
import sys
from pathlib import Path
from types import SimpleNamespace
from ucmgcn.features.encoders.timm_body import hub_weights
from ucmgcn.features.encoders.weights import weights_sha256
from ucmgcn.core.errors import UserError

def fetch(repository, allowed):
    settings = SimpleNamespace(hf_hub_id=repository, hf_hub_filename=None)
    try:
        print(hub_weights("timm:test_vit", settings, allowed))
    except UserError as error:
        print(error)

for allowed in (False, True, False):
    fetch("timm/one", allowed)
(blob,) = Path(sys.argv[1]).rglob(sys.argv[2])
blob.write_bytes(b"damaged")
weights_sha256.cache_clear()
fetch("timm/one", False)
fetch("timm/none", True)
"""


def test_the_hub_is_asked_only_when_allowed_and_its_files_are_checked(
    timm: Any, tmp_path: Path, hub: tuple[type[Hub], str]
) -> None:
    handler, address = hub
    home, digest = tmp_path / "hub", sha256(handler.content).hexdigest()
    environment = {**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(home)}
    environment |= {"HF_HUB_DISABLE_XET": "1", "PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-W", "ignore", "-c", FETCH, str(home), digest]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    denied, fetched, cached, damaged, failed = done.stdout.splitlines()
    assert "features.allow_download: true" in denied
    assert Path(fetched).name == "model.safetensors"
    assert cached == fetched
    assert f"not {digest}" in damaged
    assert "the download failed (404" in failed
    assert sum("/timm/one/" in line and line.startswith("GET") for line in handler.asked) == 1


def test_a_cache_is_read_without_asking_the_hub(
    timm: Any, tmp_path: Path, hub: tuple[type[Hub], str]
) -> None:
    handler, address = hub
    code = (
        "from ucmgcn.features.encoders.timm_body import _cached\n"
        "assert _cached('timm/one', ('model.safetensors',)) is None"
    )
    environment = {**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(tmp_path)}
    environment |= {"PYTHONPATH": ":".join(sys.path)}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], env=environment, check=True)
    assert not handler.asked


@pytest.mark.parametrize("name", MODELS)
def test_its_last_blocks_are_found(weights, name) -> None:
    encoder = Fusion(EncoderSpec(f"timm:{name}", weights=weights(name))).eval()
    trunk, tail = split(encoder, 2)
    images = torch.from_numpy(pictures(encoder.inputs[0].size))
    with torch.no_grad():
        halves, whole = tail(trunk(images)), encoder(images)
    torch.testing.assert_close(halves, whole, atol=1e-3, rtol=1e-3)
    assert (
        0 < sum(p.numel() for p in tail.parameters()) < sum(p.numel() for p in trunk.parameters())
    )
