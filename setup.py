"""Build with the workflow's own files inside the package; all else is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
# Where a clone has them, and, in `ucmgcn/project`, an installed package; `ucmgcn.pipeline.project`.
FILES = (
    "Snakefile",
    "config.yaml",
    "rules/*.smk",
    "envs/*.yaml",
    "profiles/*/config.yaml",
    "workflow/report/*.rst",
    "workflow/schemas/*.yaml",
    "workflow/scripts/*.py",
)


class BuildWithWorkflow(build_py):
    """The library, and a copy of the workflow's files; a clone that is worked on needs none."""

    def run(self) -> None:
        """Copy them beside the built library."""
        super().run()
        if self.editable_mode:
            return
        for file in sorted(path for pattern in FILES for path in ROOT.glob(pattern)):
            target = Path(self.build_lib, "ucmgcn", "project", file.relative_to(ROOT))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


setup(cmdclass={"build_py": BuildWithWorkflow})
