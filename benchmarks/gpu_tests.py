"""The tests that are marked `gpu`; called by gpu.sh."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import click
import pytest
from gpu_measuring import Row, save

ROOT = Path(__file__).parents[1]


class Outcomes:
    """A plugin of pytest that keeps each test's outcome."""

    def __init__(self) -> None:
        self.of: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the outcome of the test itself, or that of what failed or skipped it."""
        if report.when == "call" or report.outcome != "passed":
            self.of[report.nodeid] = report.outcome


@click.command(help=__doc__)
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(out: Path) -> None:
    # Only the files that hold such tests: the others may need packages that this machine lacks.
    tests = sorted((ROOT / "tests").rglob("test_*.py"))
    files = [str(path) for path in tests if "pytest.mark.gpu" in path.read_text("utf-8")]
    outcomes = Outcomes()
    code = pytest.main(["-m", "gpu", "-p", "no:cacheprovider", "-v", *files], [outcomes])
    counts = Counter(outcomes.of.values())
    said = ", ".join(f"{counts[name]} {name}" for name in ("passed", "failed", "skipped"))
    save(out, [Row(f"tests marked gpu, in {len(files)} files", said)], outcomes=outcomes.of)
    sys.exit(code)


if __name__ == "__main__":
    main()
