"""Writes docs/cli.md from the --help of every command; with --check says whether it is up to date."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from compliance import cli

PAGE = Path(__file__).parent.parent / "docs" / "cli.md"
WIDTH = 100
PREFACE = """\
# The command line

Written by `make docs` from the `--help` of every command.

| exit code | means |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | wrong usage, or an extra that is not installed |
| 3 | the server (or the database) cannot be reached; trying again may help |
| 4 | refused: a key, a role, a revoked token |
| 130 | stopped with Ctrl-C |
| 141 | whoever read the output stopped reading |

`--debug`, before the command, shows where an error comes from.
"""


def commands() -> Iterator[tuple[str, Any, Any]]:
    """(`compliance server run`, its command, its context) for the root and everything below it."""
    root: Any = cli.root_command()
    context = typer.Context(root, info_name="compliance", terminal_width=WIDTH, max_content_width=WIDTH)
    yield "compliance", root, context
    for name in cli.GROUPS:
        yield from _below(name, cli.load(name), context)


def _below(name: str, command: Any, parent: Any) -> Iterator[tuple[str, Any, Any]]:
    context = typer.Context(command, info_name=name, parent=parent)
    yield context.command_path, command, context
    for child, below in getattr(command, "commands", {}).items():
        if not below.hidden:
            yield from _below(child, below, context)


def page() -> str:
    parts = [PREFACE]
    for path, command, context in commands():
        text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
        parts.append(f"{'#' * (path.count(' ') + 2)} {path}\n\n```text\n{text}\n```\n")
    return "\n".join(parts)


def main() -> int:
    if "--check" not in sys.argv[1:]:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    print("docs/cli.md is not what the commands' --help says: run `make docs`.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
