from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import ROOT

from ucmgcn.pipeline import provenance

# One function of each stage, as the rules name them.
STAGES = {
    "manifest": ["datasets.dataset:write_dataset"],
    "render": ["render.stage:render_shard"],
    "given views": ["render.given_views:read_views_shard"],
    "photos": ["features.stage:extract_image_features", "features.encoders.open:open_encoder"],
    "graph": ["graph.stage:build_graph"],
    "train": ["train.stage:train_seed", "datasets.roles:read_roles"],
    "evaluate": ["evaluate.stage:evaluate_dataset"],
    "index": ["index.stage:build_index"],
    "report": ["report.stage:write_report"],
}


# They read photos.
PHOTOS = {"given views", "photos", "report"}


def clear() -> None:
    others = provenance._file, provenance._words
    for cached in (*others, provenance._module, provenance._used_by, provenance._code):
        cached.cache_clear()


def digests() -> dict[str, str]:
    return {stage: provenance.code_digest(*entries) for stage, entries in STAGES.items()}


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    """The digests of the package as it is."""
    return digests()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the package, which a test may change."""
    copy = tmp_path / "ucmgcn"
    shutil.copytree(provenance.PACKAGE, copy)
    monkeypatch.setattr(provenance, "PACKAGE", copy)
    clear()
    yield copy
    clear()


def changed(before, package: Path, module: str, old: str, new: str) -> set[str]:
    """The stages whose digest a change of a module's text changes."""
    file = package / f"{module}.py"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    clear()
    return {stage for stage, digest in digests().items() if digest != before[stage]}


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("datasets/manifest", '"""Digest of the manifest', '"""A digest of the manifest'),
        ("render/stage", '"""The render stage', '"""This stage'),
        ("render/stage", "import gc\n", "import gc\n\n# a remark\n"),
        ("settings", "width and height, pixels", "side of a view, pixels"),
        ("settings", "ge=16, le=2048", "ge=16, le=4096"),
        ("render/stage", "%s is left out: %s", "%s cannot be drawn: %s"),
        (
            "render/renderer",
            "config: RenderConfig, threads: int",
            "config: RenderConfig, threads: float",
        ),
        ("datasets/dataset", "can be used as", "is good as"),
        # What only carries the work.
        ("core/worker", "ATTEMPTS = 2", "ATTEMPTS = 3"),
        ("core/progress", "SECONDS_BETWEEN_LINES = 10.0", "SECONDS_BETWEEN_LINES = 5.0"),
    ],
)
def test_what_computes_nothing_changes_no_digest(before, package: Path, module, old, new) -> None:
    assert changed(before, package, module, old, new) == set()


@pytest.mark.parametrize(
    ("module", "old", "new", "expected"),
    [
        # Named in a string: the task of a worker process.
        ("media/photos", "255 / max(high", "254 / max(high", {*PHOTOS, "render"}),
        ("media/photos", "color=WHITE)", "color=(0, 0, 0))", PHOTOS),
        ("media/photos", "MIN_SIDE = 8", "MIN_SIDE = 9", PHOTOS),
        ("media/meshes", "MIN_AREA = 1e-12", "MIN_AREA = 1e-11", {"render"}),
        # A reader, in the table of formats, and what it calls.
        ("media/readers/obj", 'SLASH = ord("/")', 'SLASH = ord("|")', {"render"}),
        ("media/readers/polygons", "counts - 2", "counts - 3", {"render"}),
        # A statement that defines nothing.
        ("media/meshes", "MIN_AREA = 1e-12", "if True:\n    MIN_AREA = 1e-12", {"render"}),
        ("core/item_warnings", "MOST = 100", "MOST = 99", {*PHOTOS, "render"}),
        # A method of a section of the configuration.
        (
            "settings",
            "return 0.0 if self.residual",
            "return 0.1 if self.residual",
            {"index", "train"},
        ),
        ("train/matching", "def balanced", "def renamed_balanced", {"train"}),
        ("datasets/manifest", "keep_default_na=False, usecols", "usecols", {"index", "report"}),
        ("datasets/kinds/modelnet", "suffix", "ending", {"manifest"}),
    ],
)
def test_what_computes_changes_its_stages_alone(
    before, package: Path, module, old, new, expected
) -> None:
    assert changed(before, package, module, old, new) == expected


def test_the_rules_name_what_their_adapters_call() -> None:
    """Every function of the library that an adapter calls has a part in its rule's digest."""
    rules = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    rules = rules.replace("OPEN_ENCODER)", '"features.encoders.open:open_encoder")')
    entries = set(re.findall(r'"([\w.]+:\w+)"', rules))
    for entry in entries:
        provenance.code_digest(entry)
    called = set()
    for adapter in (ROOT / "workflow" / "scripts").glob("*.py"):
        for module, names in re.findall(
            r"^from ucmgcn\.([\w.]+) import (.*)$", adapter.read_text(), re.M
        ):
            called |= {f"{module}:{name}" for name in names.split(", ") if name[0].islower()}
    # They tell the stage what to do, by parameters that a rule compares.
    told = {
        "datasets.dataset:shard_members",
        "datasets.source:read_source",
        "core.devices:choose_device",
        "features.encoders.spec:encoder_spec",
        "core.devices:claim_gpu",
        "pipeline.config:parse_config",
        "pipeline.jobs:begin_job",
        # It stops a run, but writes nothing.
        "graph.self_test:check_dgl",
        # What it fetches is Debian's.
        "datasets.kinds.furniture_package:fetch",
    }
    assert called - told <= entries


def test_an_unknown_function_is_an_error() -> None:
    for entry in ("nowhere:at_all", "render.stage:nothing"):
        with pytest.raises(LookupError, match=entry):
            provenance.code_digest(entry)
