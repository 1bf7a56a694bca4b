"""One file that says what a run was made of and what it made: a Workflow Run RO-Crate.

The folder of the results is the crate, and ``ro-crate-metadata.json`` in it describes the run by
the profile Workflow Run Crate 0.5 (https://w3id.org/ro/wfrun/workflow/0.5): the hashes of inputs,
weights, code and results, the configuration, and the versions of the libraries. It says no time of
its own: that of the run's end is the time of its youngest result.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rocrate.model import ContextEntity
from rocrate.rocrate import ROCrate

from ucmgcn import __version__
from ucmgcn.files.atomic import atomic_path
from ucmgcn.files.hashing import file_sha256
from ucmgcn.files.shards import open_shard
from ucmgcn.report.origin import commit, versions

METADATA = "ro-crate-metadata.json"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
TERMS = "https://w3id.org/ro/terms/workflow-run/context"
LICENSE = "As the data set's: the results are made of its models and photos."
PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class CrateInputs:
    """What a run made.

    Attributes
    ----------
    results
        Files whose hashes the crate says: tables, report, index, encoder, what was trained.
    views, view_features, image_features
        Shards: they know the hashes of the files that they were made of.
    """

    results: Sequence[Path]
    views: Sequence[Path]
    view_features: Sequence[Path]
    image_features: Sequence[Path]


def write_crate(inputs: CrateInputs, out: Path, root: Path, config: Mapping[str, Any]) -> None:
    """Write the metadata, and beside it a copy of the Snakefile, which has to be part of a crate.

    Parameters
    ----------
    inputs
        Files of the run, all in the folder of `out`.
    out
        Its ``ro-crate-metadata.json``.
    root
        Folder of the Snakefile.
    config
        The whole configuration.
    """
    shutil.copyfile(root / "Snakefile", out.parent / "Snakefile")
    end = max(path.stat().st_mtime for path in inputs.results)
    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(TERMS)
    crate.name = f"Run of UCM-GCN on {config['dataset']}"
    crate.description = "A search library that finds the 3D model that a photo shows."
    crate.license = LICENSE
    crate.datePublished = datetime.fromtimestamp(int(end), UTC)
    crate.root_dataset["conformsTo"] = [
        _entity(crate, id, "CreativeWork", name=name, version=id.rpartition("/")[2])
        for id, name in PROFILES.items()
    ]
    workflow = _workflow(crate, root)
    action = crate.add_action(
        workflow,
        identifier="#run",
        object=[*_settings(crate, config), *_inputs(crate, inputs, config)],
        result=[
            crate.add_file(dest_path=str(path.relative_to(out.parent)), properties=_file(path))
            for path in inputs.results
        ],
        properties={"name": crate.name, "endTime": crate.datePublished.isoformat()},
    )
    crate.root_dataset["mentions"] = [action]
    with atomic_path(out) as path:
        text = json.dumps(crate.metadata.generate(), indent=1, sort_keys=True)
        path.write_text(f"{text}\n", encoding="utf-8")


def _entity(crate: ROCrate, id: str, kind: str, **properties: Any) -> ContextEntity:
    return crate.add(ContextEntity(crate, id, properties={"@type": kind, **properties}))


def _file(path: Path) -> dict[str, Any]:
    return {"sha256": file_sha256(path), "contentSize": str(path.stat().st_size)}


def _workflow(crate: ROCrate, root: Path) -> Any:
    """Describe the Snakefile, with the hash of all code and the versions of what it calls."""
    found = versions()
    workflow = crate.add_workflow(
        dest_path="Snakefile", main=True, lang="snakemake", lang_version=found["snakemake"]
    )
    git = commit(root)
    revision = {"identifier": git.revision + "-changed" * git.changed} if git else {}
    ours = _entity(
        crate,
        "#ucmgcn",
        "SoftwareApplication",
        name="ucmgcn",
        softwareVersion=__version__,
        sha256=_code(root),
        **revision,
    )
    libraries = [
        _entity(crate, f"#{name}", "SoftwareApplication", name=name, softwareVersion=version)
        for name, version in found.items()
        if name != "ucmgcn"
    ]
    workflow["name"] = "UCM-GCN"
    workflow["softwareRequirements"] = [ours, *libraries]
    return workflow


def _code(root: Path) -> str:
    """Hash of the workflow's files and of the library, which lies elsewhere once installed."""
    files = {str(path.relative_to(PACKAGE)): path for path in PACKAGE.rglob("*.py")}
    for pattern in ("Snakefile", "rules/*.smk", "workflow/scripts/*.py"):
        files |= {str(path.relative_to(root)): path for path in root.glob(pattern)}
    own = {name: path for name, path in files.items() if not name.startswith("project/")}
    return _digest(f"{name} {file_sha256(path)}" for name, path in sorted(own.items()))


def _settings(crate: ROCrate, config: Mapping[str, Any]) -> Iterator[ContextEntity]:
    """Yield every key of the configuration with its value, as JSON where it is no text."""
    for key, value in config.items():
        for name, leaf in value.items() if isinstance(value, Mapping) else [("", value)]:
            full = f"{key}.{name}" if name else key
            text = leaf if isinstance(leaf, str) else json.dumps(leaf)
            yield _entity(crate, f"#config-{full}", "PropertyValue", name=full, value=text)


def _inputs(
    crate: ROCrate, inputs: CrateInputs, config: Mapping[str, Any]
) -> Iterator[ContextEntity]:
    """Yield the models, the photos and the weights, each with a hash.

    A shard knows of each item the hash of its file and of what was done with it, so that no file
    of a large data set is read again.
    """
    for role, kind, shards in (
        ("models", "views", inputs.views),
        ("photos", "image-features", inputs.image_features),
    ):
        origins: list[str] = []
        for path in shards:
            with open_shard(path, kind) as shard:
                pairs = zip(shard.ids, shard.origins, strict=True)
                origins += [f"{id} {origin}" for id, origin in pairs]
        if origins:
            yield _entity(
                crate,
                f"#{role}",
                "PropertyValue",
                name=role,
                value=str(config["models" if role == "models" else "images"]),
                description=f"{len(origins)} {role}",
                sha256=_digest(sorted(origins)),
            )
    with open_shard(inputs.view_features[0], "view-features") as shard:
        encoder = shard.provenance["encoder"]
    adapted = {"name": "adapted blocks", "library": f"ucmgcn {__version__}"}
    adapted["weights_sha256"] = encoder.get("adapted_sha256", "")
    for network in [*encoder["networks"], *[adapted] * bool(adapted["weights_sha256"])]:
        yield _entity(
            crate,
            f"#weights-{network['name'].replace(' ', '-')}",
            "PropertyValue",
            name=f"weights of {network['name']}",
            value=network["library"],
            sha256=network["weights_sha256"],
        )


def _digest(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode(errors="replace"))
    return digest.hexdigest()
