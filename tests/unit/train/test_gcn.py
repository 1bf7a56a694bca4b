from __future__ import annotations

import pytest
import torch

from ucmgcn.train.gcn import UCMGCN, GraphConvolution

A = torch.rand(2, 6, 6, generator=torch.Generator().manual_seed(0))
X = torch.randn(6, 4, generator=torch.Generator().manual_seed(1))


def aggregate(hidden: torch.Tensor) -> list[torch.Tensor]:
    return [a @ hidden for a in A]


def network(**changes: object) -> UCMGCN:
    torch.manual_seed(0)
    settings = {"sizes": [4, 5, 3], "relations": 2}
    settings |= {"dropout": 0.0, "hops": 0, "teleport": 0.1, **changes}
    return UCMGCN(**settings).eval()


def test_a_layer_follows_its_formula() -> None:
    torch.manual_seed(0)
    layer = GraphConvolution(4, 3, 2)
    expected = X @ layer.own.weight.T + layer.own.bias
    for a, linear in zip(A, layer.relations, strict=True):
        expected = expected + a @ X @ linear.weight.T
    torch.testing.assert_close(layer(X, aggregate), expected)


def test_the_network_chains_its_layers() -> None:
    net = network()
    hidden = torch.relu(net.layers[0](2 * X, aggregate))  # 2: square root of the input's width
    torch.testing.assert_close(net(X, aggregate), net.layers[1](hidden, aggregate))


def test_the_network_is_equivariant_to_the_order_of_the_nodes() -> None:
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    net = network(hops=2)
    shuffled = net(X[order], lambda h: [a[order][:, order] @ h for a in A])
    torch.testing.assert_close(shuffled, net(X, aggregate)[order])


def test_hops_propagate_the_output() -> None:
    plain, spread = network()(X, aggregate), network(hops=1)(X, aggregate)
    torch.testing.assert_close(spread, 0.9 * A.sum(0) @ plain + 0.1 * plain)


def test_dropout_acts_in_training_only() -> None:
    net = network(dropout=0.5)
    torch.testing.assert_close(net(X, aggregate), net(X, aggregate))
    net.train()
    assert not torch.allclose(net(X, aggregate), net(X, aggregate))


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_the_number_of_layers(layers: int) -> None:
    assert network(sizes=[4, *[5] * (layers - 1), 3])(X, aggregate).shape == (6, 3)


def test_gradients_agree_with_finite_differences() -> None:
    net = network(hops=2).double()
    edges = A.double()

    def embed(*parameters: torch.Tensor) -> torch.Tensor:
        state = dict(zip(names, parameters, strict=True))
        inputs = (X.double(), lambda hidden: [a @ hidden for a in edges])
        return torch.func.functional_call(net, state, inputs)

    names = [name for name, _ in net.named_parameters()]
    assert torch.autograd.gradcheck(embed, tuple(net.parameters()))
