"""An encoder cut in two before its last blocks: a trunk that stays, a tail that can be trained.

Where the blocks are is read off a run of the network: the modules that its last feature map went
through, one after the other. So it holds for any network whose end is such a chain.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ucmgcn.core.errors import UserError
from ucmgcn.features.encoders.spec import EncoderSpec
from ucmgcn.features.encoders.torch_encoder import Fusion, Network, write_onnx

LAYERS = 2  # with weights, that a module holds at least if it is a block
TOLERANCE = 1e-3  # of the two halves together against the whole, relative to its largest value


class Halves(NamedTuple):
    """The two halves of an encoder; `tail(trunk(*images))` are its features."""

    trunk: Trunk
    tail: Tail


@dataclass(frozen=True)
class _Call:
    """A call of a module with one tensor that returned one; times are counted in calls."""

    module: nn.Module
    input: Tensor
    output: Tensor
    start: int
    end: int


class _ReachedError(Exception):
    """Ends a run of a network where it is cut."""


class Trunk(nn.Module):
    """The encoder up to its last blocks.

    Shapes
    ------
    Inputs (n, size, size, 3), uint8, as of `Fusion`; output (n, values), float32: the feature maps
    of all networks, channels last, flattened and side by side.
    """

    def __init__(self, encoder: Fusion, cuts: Sequence[nn.Module], blocks: int) -> None:
        super().__init__()
        self.encoder, self.cuts, self.blocks = encoder, list(cuts), blocks
        self.inputs = encoder.inputs

    def forward(self, *images: Tensor) -> Tensor:
        """Compute the feature maps before the last blocks."""
        maps = []
        encoder = self.encoder
        for network, i, cut in zip(encoder.members, encoder.index, self.cuts, strict=True):
            for inputs in network.inputs_of(images[i]):
                maps.append(_flat(_until(cut, network.body, inputs)))
        return torch.cat(maps, dim=1)

    def describe(self) -> dict[str, Any]:
        """Describe what a feature map depends on, for provenance; JSON-serialisable."""
        with torch.inference_mode():
            dim = int(self(*self.encoder.example(1)).shape[1])
        return {**self.encoder.describe(), "blocks": self.blocks, "dim": dim}


class Tail(nn.Module):
    """The last blocks of an encoder's networks, and what follows them.

    Batch normalisations that follow a convolution are folded into it; others keep their statistics.

    Attributes
    ----------
    chains
        For each network the modules after its cut: what is trained.
    shapes
        For each network the shape of its feature map before the cut, (c, h, w) or (tokens, width).

    Shapes
    ------
    Input (n, values), as of `Trunk`; output (n, dim), float32.
    """

    def __init__(
        self, encoder: Fusion, chains: Sequence[nn.Sequential], shapes: Sequence[tuple[int, ...]]
    ) -> None:
        super().__init__()
        self.encoder = [encoder]  # in a list: its weights are not this module's
        self.chains, self.shapes = nn.ModuleList(chains), list(shapes)

    def forward(self, flat: Tensor) -> Tensor:
        """Compute the features of flattened feature maps."""
        encoder = self.encoder[0]
        maps = iter(torch.split(flat, self._sizes, dim=1) if len(self._sizes) > 1 else [flat])
        parts = []
        for network, chain, shape in zip(encoder.members, self.chains, self.shapes, strict=True):
            own = [_folded(next(maps), shape) for _ in range(1 + network.flip)]
            parts.append(network.merge([network.pool(chain(part)) for part in own]))
        return encoder.join(parts)

    @property
    def _sizes(self) -> list[int]:
        """Numbers of values of the maps of all networks, and of their mirror images."""
        pairs = zip(self.encoder[0].members, self.shapes, strict=True)
        return [prod(shape) for network, shape in pairs for _ in range(1 + network.flip)]

    def _apply(self, *given: Any, **named: Any) -> Any:
        """Move the encoder along: pooling may have weights too."""
        self.encoder[0]._apply(*given, **named)  # type: ignore[no-untyped-call]
        return super()._apply(*given, **named)  # type: ignore[no-untyped-call]

    @property
    def values(self) -> int:
        """Number of values of an image's flattened feature maps."""
        return sum(self._sizes)


def split(encoder: Fusion, blocks: int) -> Halves:
    """Cut each network of an encoder before its last blocks.

    A block is a module that holds several layers with weights, such as an inverted bottleneck or a
    transformer's layer.

    Parameters
    ----------
    encoder
        For inference; it is not changed.
    blocks
        Number of blocks in the tail, at least 1; what follows them is in it too.

    Raises
    ------
    UserError
        If a network's end is no chain of that many blocks.
    """
    cuts, chains, shapes = [], [], []
    with torch.inference_mode():
        example = encoder.example(1)
        for network, i in zip(encoder.members, encoder.index, strict=True):
            inputs = network.inputs_of(example[i])[0]
            chain = _last_blocks(network, inputs, blocks)
            cuts.append(chain[0].module)
            shapes.append(tuple(chain[0].input.shape[1:]))
            chains.append(nn.Sequential(*(call.module for call in chain)))
    # Copied outside of the inference mode, whose tensors could not be trained.
    chains = [copy.deepcopy(chain) for chain in chains]
    halves = Halves(Trunk(encoder, cuts, blocks).eval(), Tail(encoder, chains, shapes).eval())
    _check(encoder, halves)
    for copied, shape in zip(halves.tail.chains, shapes, strict=True):
        _fold(copied, torch.zeros((1, *shape)))
    _check(encoder, halves)
    return halves


def export_trunk(spec: EncoderSpec, blocks: int, out: Path) -> None:
    """Export an encoder's trunk to ONNX: ``images0`` and so on to ``features``, its feature maps.

    Raises
    ------
    UserError
        As `split`, or if the weights are missing or do not fit.
    """
    trunk = split(Fusion(spec).eval(), blocks).trunk
    description = json.dumps(trunk.describe(), sort_keys=True)
    write_onnx(trunk, trunk.encoder.named_example(), "features", description, out)


def _last_blocks(network: Network, inputs: Tensor, blocks: int) -> list[_Call]:
    """List the calls from the first of the last blocks on."""
    calls, last = _record(network.body, lambda: network.body.maps(inputs))
    chain = [part for call in _chain(calls, last) for part in _parts(calls, call)]
    first = [i for i, call in enumerate(chain) if _is_block(call.module)][-blocks:]
    once = [c for c in calls if first and c.module is chain[first[0]].module]
    if len(first) < blocks or len(once) != 1:
        name = network.body.facts["name"]
        raise UserError(
            f"adapt.blocks: {blocks} is not for {name}: its end is a chain of "
            f"{len(first)} blocks. Lower it, or set adapt.rounds: 0"
        )
    return chain[first[0] :]


def _record(module: nn.Module, run: Callable[[], Tensor]) -> tuple[list[_Call], Tensor]:
    """Run a network; return its modules' calls in the order of their ends, and its result."""
    calls: list[_Call] = []
    begun: list[int] = []
    clock = iter(range(10**9))

    def before(*_: Any) -> None:
        begun.append(next(clock))

    def after(part: nn.Module, given: tuple[Any, ...], result: Any) -> None:
        start = begun.pop()
        if len(given) == 1 and isinstance(given[0], Tensor) and isinstance(result, Tensor):
            calls.append(_Call(part, given[0], result, start, next(clock)))

    hooks = []
    for part in module.modules():
        hooks += [part.register_forward_pre_hook(before), part.register_forward_hook(after)]
    try:
        return calls, run()
    finally:
        for hook in hooks:
            hook.remove()


def _chain(
    calls: Sequence[_Call], last: Tensor, within: tuple[float, float] = (-1, float("inf"))
) -> list[_Call]:
    """Go back from a tensor, each time to the outermost call whose result it is."""
    start, end = within
    found: list[_Call] = []
    while True:
        inside = (c for c in calls if c.output is last and start < c.start and c.end < end)
        call = max(inside, key=lambda c: c.end, default=None)
        if call is None:
            return found[::-1]
        found.append(call)
        last, end = call.input, call.start


def _parts(calls: Sequence[_Call], call: _Call) -> list[_Call]:
    """Take a call apart if its module is a sequence of blocks, and not a block itself."""
    inner = _chain(calls, call.output, (call.start, call.end))
    if not inner or inner[0].input is not call.input:
        return [call]
    classes = [type(part.module) for part in inner if _is_block(part.module)]
    if isinstance(call.module, nn.Sequential) or len(classes) > len(set(classes)):
        return [deeper for part in inner for deeper in _parts(calls, part)]
    return [call]


def _is_block(module: nn.Module) -> bool:
    weights = (getattr(part, "weight", None) for part in module.modules())
    return sum(isinstance(weight, Tensor) and weight.ndim > 1 for weight in weights) >= LAYERS


def _until(cut: nn.Module, body: Any, inputs: Tensor) -> Tensor:
    """Run a network up to a module, and return that module's input."""
    reached: list[Tensor] = []

    def stop(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        reached.append(given[0])
        raise _ReachedError

    hook = cut.register_forward_pre_hook(stop)
    try:
        body.maps(inputs)
    except _ReachedError:
        pass  # as meant
    finally:
        hook.remove()
    return reached[0]


def _flat(maps: Tensor) -> Tensor:
    """Flatten a map (n, c, h, w), channels last, or tokens (n, tokens, width)."""
    return (maps.permute(0, 2, 3, 1) if maps.ndim == 4 else maps).flatten(1)


def _folded(flat: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Undo `_flat`; a map keeps its channels last in memory, which convolutions run fastest on."""
    if len(shape) != 3:
        return flat.reshape(-1, *shape)
    c, h, w = shape
    return flat.reshape(-1, h, w, c).permute(0, 3, 1, 2)


def _fold(chain: nn.Module, inputs: Tensor) -> None:
    """Fold each batch normalisation into the convolution that alone feeds it."""
    with torch.no_grad():
        calls, _ = _record(chain, lambda: chain(inputs))
    made = {id(call.output): call.module for call in calls if isinstance(call.module, nn.Conv2d)}
    owners = {
        part: (owner, name) for owner in chain.modules() for name, part in owner.named_children()
    }
    for call in calls:
        conv = made.get(id(call.input))
        if type(call.module) is nn.BatchNorm2d and isinstance(conv, nn.Conv2d):
            fused = fuse_conv_bn_eval(conv, call.module)
            for old, new in ((conv, fused), (call.module, nn.Identity())):
                owner, name = owners[old]
                setattr(owner, name, new)


def _check(encoder: Fusion, halves: Halves) -> None:
    """Check on noise that the halves compute what the whole does."""
    generator = torch.Generator().manual_seed(0)
    images = [
        torch.randint(0, 256, part.shape, generator=generator, dtype=torch.uint8)
        for part in encoder.example(2)
    ]
    with torch.no_grad():
        whole, both = encoder(*images), halves.tail(halves.trunk(*images))
    if (whole - both).abs().max() > TOLERANCE * whole.abs().max():
        names = " + ".join(facts["name"] for facts in encoder.facts)
        raise UserError(
            f"adapt: not for {names}: its last blocks cannot be run by themselves. "
            "Set adapt.rounds: 0"
        )
