"""Write config.yaml, its JSON Schema and the settings table of README.md anew from the code.

python docs/settings.py
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from ucmgcn.pipeline.config import json_schema, keys

ROOT = Path(__file__).parents[1]
HEAD = """\
# Every setting, with its default. What differs in a run goes on the command line
# (--config dataset=NAME models=DIR images=DIR) or into a file (--configfile mine.yaml).
"""


def shown(value: Any) -> str:
    """Write a default as YAML does, on one line."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(str, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return '""' if value == "" else str(value)


def config_yaml() -> str:
    """Lay out all keys with their defaults and one-line comments."""
    schema, lines, open_section = json_schema(), [HEAD], ""
    for name, default, description in keys():
        section, _, key = name.partition(".")
        if key and section != open_section:
            entry = schema["$defs"][schema["properties"][section]["$ref"].rpartition("/")[2]]
            title = entry["description"].splitlines()[0].rstrip(".")
            lines.append(f"\n{section}: # {title}\n")
        open_section = section
        left = f"  {key}" if key else name
        lines.append(f"{left}: {shown(default)} # {description}\n")
    return "".join(lines)


def readme_table() -> str:
    """Lay out all keys as a Markdown table."""
    rows = [f"| `{name}` | `{shown(default)}` | {text} |" for name, default, text in keys()]
    return "\n".join(["| key | default | meaning |", "|---|---|---|", *rows])


def main() -> None:
    """Write the three files."""
    (ROOT / "config.yaml").write_text(config_yaml())
    schema = yaml.safe_dump(json_schema(), sort_keys=False, allow_unicode=True, width=100)
    (ROOT / "workflow/schemas/config.schema.yaml").write_text(schema)
    readme = ROOT / "README.md"
    marked = f"<!-- settings -->\n{readme_table()}\n<!-- /settings -->"
    text = re.sub(
        r"<!-- settings -->.*<!-- /settings -->",
        lambda _: marked,
        readme.read_text(),
        flags=re.DOTALL,
    )
    readme.write_text(text)


if __name__ == "__main__":
    main()
