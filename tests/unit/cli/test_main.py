"""The command `ucmgcn` and what its commands have in common."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from ucmgcn.cli.main import COMMANDS, main


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_ends_with_examples_line_by_line(command):
    done = CliRunner().invoke(main, [command, "--help"])
    assert done.exit_code == 0
    block = re.search(r"^  Examples?:\n((?:    .+\n)+)", done.output, re.MULTILINE)
    assert block, done.output
    starts = [line for line in block[1].splitlines() if not line.startswith("     ")]
    assert starts and all(re.search(rf"^    (curl|ucmgcn {command}) ", line) for line in starts)


def test_every_command_is_listed_with_a_line_about_it():
    done = CliRunner().invoke(main, ["--help"])
    assert done.exit_code == 0
    for command in COMMANDS:
        assert re.search(rf"^  {command} +\S+", done.output, re.MULTILINE), command
