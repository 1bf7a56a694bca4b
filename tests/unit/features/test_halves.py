from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from ucmgcn.core.errors import UserError
from ucmgcn.features.encoders.halves import export_trunk, split
from ucmgcn.features.encoders.onnx_encoder import OnnxEncoder
from ucmgcn.features.encoders.open import open_trunk
from ucmgcn.features.encoders.spec import EncoderSpec
from ucmgcn.features.encoders.torch_encoder import Fusion

LITE0 = EncoderSpec()


@pytest.fixture(scope="module")
def encoder() -> Fusion:
    return Fusion(LITE0).eval()


def noise(encoder: Fusion, n: int = 2) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    shapes = [part.shape for part in encoder.example(n)]
    return [torch.randint(0, 256, s, generator=generator, dtype=torch.uint8) for s in shapes]


@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_the_halves_together_are_the_encoder(encoder, blocks) -> None:
    trunk, tail = split(encoder, blocks)
    images = noise(encoder)
    with torch.no_grad():
        maps = trunk(*images)
        torch.testing.assert_close(tail(maps), encoder(*images), atol=1e-3, rtol=1e-3)
    assert maps.shape == (2, tail.values)
    assert [type(part).__name__ for part in tail.chains[0]].count("MBConvBlock") == blocks


def test_the_last_block_of_lite0_begins_at_a_map_of_192_channels(encoder) -> None:
    _, tail = split(encoder, 1)
    assert tail.shapes == [(192, 7, 7)]
    # Expansion, depthwise, projection and head, each with the bias that its normalisation left.
    sizes = [192 * 1152 + 1152, 1152 * 9 + 1152, 1152 * 320 + 320, 320 * 1280 + 1280]
    assert sum(p.numel() for p in tail.parameters()) == sum(sizes)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in tail.modules())


def test_the_blocks_of_b0_are_found_too(tmp_path) -> None:
    """Its blocks have squeeze-and-excitation; the weights are random, for no package has them."""
    import efficientnet_pytorch

    torch.manual_seed(0)
    net = efficientnet_pytorch.EfficientNet.from_name("efficientnet-b0", image_size=64)
    torch.save(net.state_dict(), tmp_path / "b0.pth")
    spec = EncoderSpec("efficientnet-b0@64", weights=tmp_path / "b0.pth")
    encoder = Fusion(spec).eval()
    trunk, tail = split(encoder, 2)
    images = noise(encoder)
    with torch.no_grad():
        torch.testing.assert_close(tail(trunk(*images)), encoder(*images), atol=1e-3, rtol=1e-3)
    assert [type(part).__name__ for part in tail.chains[0]].count("MBConvBlock") == 2


def test_several_networks_and_mirror_images_are_cut_too() -> None:
    encoder = Fusion(EncoderSpec("efficientnet-lite0+efficientnet-lite1*2", flip=True)).eval()
    trunk, tail = split(encoder, 1)
    images = noise(encoder, 1)
    with torch.no_grad():
        maps = trunk(*images)
        torch.testing.assert_close(tail(maps), encoder(*images), atol=1e-3, rtol=1e-3)
    assert tail.shapes == [(192, 7, 7), (192, 8, 8)]
    assert tail.values == 2 * 192 * (49 + 64) == maps.shape[1]


def test_more_blocks_than_the_network_has_are_a_mistake(encoder) -> None:
    with pytest.raises(UserError, match=r"adapt\.blocks: 99 is not for efficientnet-lite0"):
        split(encoder, 99)


class Chained(nn.Module):
    """A network whose blocks lie in stages, as timm's do."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=8)
        self.stages = nn.Sequential(nn.Sequential(Block()), nn.Sequential(Block(), Block()))
        self.norm = nn.BatchNorm2d(4)

    def extract_features(self, images: torch.Tensor) -> torch.Tensor:
        return self.norm(self.stages(self.stem(images)))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.two(self.one(x).relu())


class Unchained(Chained):
    """One whose end is no chain of modules."""

    def extract_features(self, images: torch.Tensor) -> torch.Tensor:
        return super().extract_features(images) * 3


@pytest.mark.parametrize(("blocks", "left"), [(1, 1), (2, 2), (3, 3)])
def test_blocks_are_found_inside_of_stages(blocks, left) -> None:
    changed = with_network(Chained())
    trunk, tail = split(changed, blocks)
    assert sum(isinstance(part, Block) for part in tail.modules()) == left
    images = noise(changed)
    with torch.no_grad():
        torch.testing.assert_close(tail(trunk(*images)), changed(*images))


def test_a_network_whose_end_is_no_chain_is_refused() -> None:
    with pytest.raises(UserError, match=r"its end is a chain of 0 blocks.*adapt\.rounds: 0"):
        split(with_network(Unchained()), 1)


def with_network(network: nn.Module) -> Fusion:
    """Put another network into an encoder."""
    changed = Fusion(LITE0).eval()
    changed.members[0].body.net = network.eval()
    return changed


def test_the_exported_trunk_gives_the_same_maps(encoder, tmp_path) -> None:
    export_trunk(LITE0, 1, tmp_path / "trunk.onnx")
    opened = open_trunk(LITE0, 1, "cpu", tmp_path / "trunk.onnx")
    images = noise(encoder)
    trunk, tail = split(encoder, 1)
    with torch.no_grad():
        expected = trunk(*images).numpy()
    np.testing.assert_allclose(opened.encode(images[0].numpy()), expected, atol=1e-3)
    assert opened.dim == tail.values and isinstance(opened, OnnxEncoder)
    with pytest.raises(UserError, match="exported with other settings"):
        open_trunk(LITE0, 2, "cpu", tmp_path / "trunk.onnx")
