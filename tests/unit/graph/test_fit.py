from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ucmgcn.graph.fit import describe_fit
from ucmgcn.graph.space import FeatureSpace
from ucmgcn.settings import GraphConfig

NOTHING = np.zeros(0, dtype=np.float32)
SPACE = FeatureSpace(NOTHING, NOTHING, NOTHING, NOTHING, 1.0)
CONFIG = GraphConfig()


def warnings(photos: int, coverage: float, config: GraphConfig = CONFIG) -> list[str]:
    return describe_fit(photos, replace(SPACE, coverage=coverage), config)["warnings"]


def test_photos_of_most_of_the_gallery_need_no_warning() -> None:
    found = describe_fit(20, replace(SPACE, coverage=0.7), CONFIG)
    assert found == {"photos": 20, "coverage": 0.7, "trust": pytest.approx(0.49), "warnings": []}


def test_a_warning_says_what_the_photos_show_and_what_was_done() -> None:
    (text,) = warnings(200, 0.5)
    assert "seem to show about 50 % of the models" in text
    assert "75 % by the views that they match and 25 % by all" in text
    assert "has a weight of 20 %, and the propagated graph the rest" in text
    assert "hardly" not in text


def test_photos_of_nothing_in_the_gallery_are_said_to_be_so() -> None:
    (text,) = warnings(200, 0.04)
    assert text.startswith("Photos and models hardly fit each other.")
    assert "about 4 %" in text and "weight of less than 1 %" in text
    assert "more than 99 % by the views that they match" in text


@pytest.mark.parametrize(("photos", "start"), [(1, "Only 1 photo:"), (15, "Only 15 photos:")])
def test_few_photos_are_said_to_be_few(photos: int, start: str) -> None:
    (text,) = warnings(photos, 1.0)
    assert text.startswith(start)
    assert f"only {100 * photos / (photos + 5):.0f} % of the shift" in text


def test_a_raw_space_has_no_centre_to_speak_of() -> None:
    few, uncovered = warnings(3, 0.5, replace(CONFIG, space="raw"))
    assert "shift" not in few and "centre" not in uncovered and "weight of 20 %" in uncovered


def test_means_estimate_nothing_and_warn_of_nothing() -> None:
    found = describe_fit(3, SPACE, replace(CONFIG, alignment="means"))
    assert found == {"photos": 3, "coverage": None, "trust": 1.0, "warnings": []}


def test_without_photos_nothing_is_said_of_them() -> None:
    found = describe_fit(0, replace(SPACE, coverage=0.0), CONFIG)
    assert found == {"photos": 0, "coverage": None, "trust": None, "warnings": []}
