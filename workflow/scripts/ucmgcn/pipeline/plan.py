"""What the main process of a run settles for its jobs: the data set's listing, the environment.

On a cluster each job reads the Snakefile again, twice, and on another machine. There it takes over
what the main process has kept: it lists nothing again, and has the environment that was made for
it. Where nothing was kept, a job settles both itself.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from ucmgcn.core.devices import has_driver
from ucmgcn.files.digest import is_intact, sealed_path
from ucmgcn.pipeline.config import Config
from ucmgcn.pipeline.listing import Listing, list_data

KEPT = Path(".snakemake", "ucmgcn")


class Plan:
    """What a run settles once.

    Parameters
    ----------
    config
        The run's configuration.
    is_job
        Whether this process is not the run's main one.
    folder
        Where it is kept, in a file for each data set.

    Attributes
    ----------
    environment
        Name of the conda environment: ``"gpu"`` or ``"cpu"``.
    """

    def __init__(self, config: Config, *, is_job: bool, folder: Path = KEPT) -> None:
        self._config = config
        self._path = folder / f"{config.dataset}.json"
        self._listing, environment = self._read() if is_job else (None, "")
        self.environment = environment or environment_for(config.device)

    @property
    def listing(self) -> Listing:
        """The data set's listing, made once; a set that a rule fetches is listed when it is there.

        Raises
        ------
        UserError
            As `list_data`.
        """
        if self._listing is None or not self._listing.files:
            self._listing = list_data(self._config)
        return self._listing

    def keep(self) -> None:
        """Keep it for the jobs of the run, which begins; not before there is a listing."""
        if not self.listing.files:
            self._path.unlink(missing_ok=True)
            return
        facts = {"listing": asdict(self.listing), "environment": self.environment}
        with sealed_path(self._path) as path:
            path.write_text(json.dumps({"config": self._key(), **facts}) + "\n", encoding="utf-8")

    def _key(self) -> str:
        """Digest of the configuration: the plan of another run does not count."""
        text = json.dumps(asdict(self._config), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def _read(self) -> tuple[Listing | None, str]:
        """Return what was kept for this configuration, if anything was."""
        if not is_intact(self._path):
            return None, ""  # the job settles both itself
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            if kept["config"] == self._key():
                return Listing(**kept["listing"]), kept["environment"]
        except (OSError, ValueError, KeyError, TypeError):
            pass  # the job settles both itself
        return None, ""


def environment_for(device: str) -> str:
    """Name of the conda environment for a device: ``auto`` asks this machine for a GPU's driver."""
    return "gpu" if device == "cuda" or (device == "auto" and has_driver()) else "cpu"
