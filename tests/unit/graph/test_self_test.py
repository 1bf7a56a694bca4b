from __future__ import annotations

import pytest
import torch

from ucmgcn.core.errors import UserError
from ucmgcn.graph.message_passing import pass_messages
from ucmgcn.graph.self_test import check_dgl, main


def test_dgl_computes_here_what_torch_does(capsys: pytest.CaptureFixture) -> None:
    check_dgl()
    assert main() == 0
    assert capsys.readouterr().out.startswith("DGL 1.1.3: the sums of torch")


def test_other_sums_are_found() -> None:
    with pytest.raises(UserError, match="computes other sums of messages than torch"):
        check_dgl(lambda graph, weight, x: pass_messages(graph, weight, x) * 1.001)


def test_other_gradients_are_found() -> None:
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(_, x):
            return x.clone()

        @staticmethod
        def backward(_, gradient):
            return 1.001 * gradient

    with pytest.raises(UserError, match=r"gradients .* PYTHON=python3\.11"):
        check_dgl(lambda graph, weight, x: Wrong.apply(pass_messages(graph, weight, x)))
