"""JSON that every reader takes."""

from __future__ import annotations

import json
import math

import pytest

from ucmgcn.core.strict_json import to_json


def test_it_is_read_back() -> None:
    assert json.loads(to_json({"ü": [1.5, None]})) == {"ü": [1.5, None]}
    assert "ü" in to_json("ü") and to_json([]).endswith("\n")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_does_not_have_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json([{"score": value}])
