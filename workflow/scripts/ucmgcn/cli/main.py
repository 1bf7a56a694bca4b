"""The command `ucmgcn`: everything outside the pipeline."""

from __future__ import annotations

import importlib

import click

from ucmgcn import __version__
from ucmgcn.cli.one_line import in_one_line

# Module and name of each command, imported when called, so that a search starts fast.
COMMANDS = {
    "add": "add:add",
    "evaluate": "evaluate:evaluate",
    "export": "export:export",
    "query": "query:query",
    "run": "run:run",
    "serve": "serve:serve",
    "table": "table:table",
}


class _Group(click.Group):
    """Commands that are imported when called. Expected errors end in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(f"ucmgcn.cli.{module}"), name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        with in_one_line():
            return super().invoke(ctx)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="ucmgcn")
def main() -> None:
    """Find the 3D model that a photo shows.

    User errors exit with status 2, after one line on standard error.

    \b
    Examples:
      ucmgcn run
      ucmgcn query photo.jpg --dataset demo
      ucmgcn COMMAND --help
    """  # noqa: D301
