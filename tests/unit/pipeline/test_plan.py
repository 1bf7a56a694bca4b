from __future__ import annotations

import json
from pathlib import Path

import pytest

from ucmgcn.pipeline import plan
from ucmgcn.pipeline.config import Config, parse_config
from ucmgcn.pipeline.listing import Listing
from ucmgcn.pipeline.plan import Plan, environment_for

CONFIG = Config(dataset="set")
LISTING = Listing("all", ["m"] * 8, ["i"] * 4, "")


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """The configurations that were listed."""
    calls: list[Config] = []

    def list_data(config: Config) -> Listing:
        calls.append(config)
        return LISTING

    monkeypatch.setattr(plan, "list_data", list_data)
    return calls


def kept(folder: Path) -> Path:
    Plan(CONFIG, is_job=False, folder=folder).keep()
    return folder / "set.json"


def test_the_main_process_lists_once_and_its_jobs_never(tmp_path: Path, listed: list) -> None:
    main = Plan(CONFIG, is_job=False, folder=tmp_path)
    assert main.listing is main.listing and len(listed) == 1
    main.keep()
    assert Plan(CONFIG, is_job=True, folder=tmp_path).listing == LISTING
    assert len(listed) == 1


def test_a_run_does_not_trust_what_an_earlier_one_has_kept(tmp_path: Path, listed: list) -> None:
    kept(tmp_path)
    assert Plan(CONFIG, is_job=False, folder=tmp_path).listing and len(listed) == 2


@pytest.mark.parametrize("text", [None, "", "no json", "[]", "{}", '{"config": 1}', "cut"])
def test_a_job_lists_where_nothing_of_use_was_kept(tmp_path: Path, listed: list, text) -> None:
    file = kept(tmp_path)
    if text is None:
        file.unlink()
    else:
        file.write_text(file.read_text()[:-20] if text == "cut" else text)
    assert Plan(CONFIG, is_job=True, folder=tmp_path).listing == LISTING and len(listed) == 2


def test_a_job_of_another_configuration_lists(tmp_path: Path, listed: list) -> None:
    kept(tmp_path)
    other = parse_config({"dataset": "set", "models": "a", "images": "b"})
    assert Plan(other, is_job=True, folder=tmp_path).listing and listed[-1] == other


def test_a_job_has_the_environment_that_was_made_for_it(
    tmp_path: Path, listed: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "has_driver", lambda: True)
    kept(tmp_path)
    monkeypatch.setattr(plan, "has_driver", lambda: False)
    assert Plan(CONFIG, is_job=True, folder=tmp_path).environment == "gpu"
    assert Plan(CONFIG, is_job=False, folder=tmp_path).environment == "cpu"


def test_what_a_rule_has_still_to_fetch_is_listed_when_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [Listing("", [""], [""], ""), LISTING]
    monkeypatch.setattr(plan, "list_data", lambda config: found[0])
    (tmp_path / "set.json").write_text(json.dumps("of an earlier run"))
    main = Plan(CONFIG, is_job=False, folder=tmp_path)
    main.keep()
    assert not list(tmp_path.iterdir())
    found.pop(0)
    assert main.listing == LISTING


@pytest.mark.parametrize(
    ("device", "driver", "name"),
    [
        ("auto", True, "gpu"),
        ("auto", False, "cpu"),
        ("cuda", False, "gpu"),
        ("cpu", True, "cpu"),
    ],
)
def test_the_environment_follows_the_device(device, driver, name, monkeypatch) -> None:
    monkeypatch.setattr(plan, "has_driver", lambda: driver)
    assert environment_for(device) == name
