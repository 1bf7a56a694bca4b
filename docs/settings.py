"""Write config.yaml, its JSON Schema and docs/settings.md from the code.

python docs/settings.py
"""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from ucmgcn.pipeline.config import json_schema, keys

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "settings.md"
BLOCK = re.compile(r"(<!-- settings -->\n).*(<!-- /settings -->)", re.DOTALL)
HEAD = """\
# Every setting, with its default. What differs in a run goes on the command line
# (--config dataset=NAME models=DIR images=DIR) or into a file (--configfile mine.yaml).
"""
TOP_LEVEL = "Top level", "The data set: where it lies and how it is read, and the device"


def shown(value: Any) -> str:
    """Write a default as YAML does, on one line."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(str, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return '""' if value == "" else str(value)


def titles() -> dict[str, str]:
    """One line about each section, without a full stop."""
    schema = json_schema()
    sections = {
        name: schema["$defs"][entry["$ref"].rpartition("/")[2]]
        for name, entry in schema["properties"].items()
        if "$ref" in entry
    }
    return {
        name: entry["description"].splitlines()[0].rstrip(".") for name, entry in sections.items()
    }


def config_yaml() -> str:
    """Lay out all keys with their defaults and one-line comments."""
    title, lines, open_section = titles(), [HEAD], ""
    for name, default, description in keys():
        section, _, key = name.partition(".")
        if key and section != open_section:
            lines.append(f"\n{section}: # {title[section]}\n")
        open_section = section
        left = f"  {key}" if key else name
        lines.append(f"{left}: {shown(default)} # {description}\n")
    return "".join(lines)


def section_of(row: tuple[str, Any, str]) -> str:
    """Name the section of a key; empty at the top level."""
    return row[0].partition(".")[0] if "." in row[0] else ""


def line(row: tuple[str, Any, str]) -> str:
    """Lay out a key as a line of a Markdown table; an angle bracket would begin a tag."""
    name, default, text = row
    return f"| `{name}` | `{shown(default)}` | {text.replace('<', '&lt;')} |"


def tables() -> str:
    """Lay out all keys as Markdown tables, one for each section."""
    title, parts = titles(), []
    for section, rows in groupby(keys(), section_of):
        heading, about = (section, title[section]) if section else TOP_LEVEL
        table = "\n".join(["| key | default | meaning |", "|---|---|---|", *map(line, rows)])
        parts.append(f"## {heading}\n\n{about}.\n\n{table}\n")
    return "\n".join(parts)


def page() -> str:
    """What docs/settings.md should say."""
    return BLOCK.sub(lambda match: f"{match[1]}{tables()}{match[2]}", PAGE.read_text())


def main() -> None:
    """Write the three files."""
    (ROOT / "config.yaml").write_text(config_yaml())
    schema = yaml.safe_dump(json_schema(), sort_keys=False, allow_unicode=True, width=100)
    (ROOT / "workflow/schemas/config.schema.yaml").write_text(schema)
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
