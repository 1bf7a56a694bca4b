"""Look the pinned packages up in PyPI's list of known vulnerabilities; `make lint` calls it.

Fails if one is known. Where the list cannot be reached, a line says that nothing was looked up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parents[1] / "requirements.lock"
UNREACHED = (
    "pip-audit: no advisory service can be reached, so known vulnerabilities were NOT looked up"
)


def main() -> None:
    """Run pip-audit and say what it found."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), "--format", "json"]
    command += ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--timeout", "15"]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        # It prints no report when a request fails.
        error = done.stderr.strip().splitlines()[-1].split(":")[0]
        text, failed = f"{UNREACHED} ({error})", False
    else:
        text, failed = verdict(packages)
    sys.stdout.write(f"{text}\n")
    sys.exit(failed)


def verdict(packages: Sequence[dict[str, Any]]) -> tuple[str, bool]:
    """Say what pip-audit's report means, and whether that is a failure.

    Parameters
    ----------
    packages
        Its entries ``dependencies``: those that were not looked up have a ``skip_reason``.
    """
    looked_up = [package for package in packages if "skip_reason" not in package]
    if not looked_up:
        return f"{UNREACHED} (none of {len(packages)} packages)", False
    found = [
        f"{package['name']} {package['version']}: {flaw['id']}, "
        f"mended in {', '.join(flaw['fix_versions']) or 'no release yet'}"
        for package in looked_up
        for flaw in package["vulns"]
    ]
    count = f"pip-audit: {len(looked_up)} of {len(packages)} packages looked up"
    return "\n".join([*found, f"{count}, {len(found)} known vulnerabilities"]), bool(found)


if __name__ == "__main__":
    main()
