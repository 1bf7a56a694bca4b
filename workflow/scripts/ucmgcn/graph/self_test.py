"""Check that DGL's library computes on this Python what torch computes.

DGL 1.1.3 has wheels for up to Python 3.11. On a newer one `envs/dgl.sh` unpacks that for 3.11,
which calls its library through ctypes. It was never released for that Python, so nothing is
computed before a small graph has given the same sums, gradients and samples as torch does.
``python -m ucmgcn.graph.self_test`` prints one line, and exits with status 2 if they differ.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import dgl
import torch
from torch import Tensor

from ucmgcn.core.errors import UserError
from ucmgcn.graph.message_passing import pass_messages

NODES, EDGES, WIDTH = 50, 400, 8
MESSAGES, GRADIENTS, SAMPLES = "sums of messages", "gradients", "sampled neighbourhoods"

Kernel = Callable[[dgl.DGLGraph, Tensor, Tensor], Tensor]


def check_dgl(kernel: Kernel = pass_messages) -> None:
    """Compare DGL with torch on a random graph of 50 nodes and 400 edges; it takes milliseconds.

    Parameters
    ----------
    kernel
        Passes messages, as `ucmgcn.graph.message_passing.pass_messages`.

    Raises
    ------
    UserError
        If a sum, its gradient or a sampled neighbourhood differs.
    """
    generator = torch.Generator().manual_seed(0)
    sources, destinations = torch.randint(NODES, (2, EDGES), generator=generator)
    weights = torch.rand(EDGES, generator=generator)
    features = torch.randn(NODES, WIDTH, generator=generator)
    graph = dgl.graph((sources, destinations), num_nodes=NODES)

    def by_torch(x: Tensor) -> Tensor:
        messages = weights[:, None] * x[sources]
        return torch.zeros_like(x).index_add(0, destinations, messages)

    ours, theirs = (
        _with_gradient(sums, features)
        for sums in (lambda x: kernel(graph, weights, x), by_torch)
    )  # fmt: skip
    for what, mine, wanted in zip((MESSAGES, GRADIENTS), ours, theirs, strict=True):
        if not torch.allclose(mine, wanted, rtol=1e-5, atol=1e-5):
            raise _differs(what)
    if not _samples_all(graph, sources, destinations):
        raise _differs(SAMPLES)


def _with_gradient(sums: Callable[[Tensor], Tensor], features: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sums, and the gradient of the sum of their squares."""
    x = features.clone().requires_grad_()
    out = sums(x)
    torch.autograd.backward((out**2).sum())
    assert x.grad is not None
    return out.detach(), x.grad


def _samples_all(graph: dgl.DGLGraph, sources: Tensor, destinations: Tensor) -> bool:
    """Whether a block with all neighbours of some nodes holds just the edges into them."""
    some = torch.arange(0, NODES, 3)
    _, _, (block,) = dgl.dataloading.NeighborSampler([-1], fused=False).sample_blocks(graph, some)
    found = torch.sort(block.edata[dgl.EID]).values
    return torch.equal(found, torch.nonzero(torch.isin(destinations, some)).ravel())


def _differs(what: str) -> UserError:
    python = ".".join(map(str, sys.version_info[:2]))
    return UserError(
        f"DGL {dgl.__version__} computes other {what} than torch {torch.__version__} on Python "
        f"{python}. Make the environment anew with Python 3.11: make setup PYTHON=python3.11"
    )


def main() -> int:
    """Run the self-test; return the exit status."""
    try:
        check_dgl()
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"DGL {dgl.__version__}: the sums of torch {torch.__version__}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
