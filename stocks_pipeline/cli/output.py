"""How commands speak: tables for people, one JSON document for programs, and what an exit code means.

What belongs here: printing and ending. What does not: anything that computes what is printed.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table


class Exit(IntEnum):
    """What a script can tell from a command's end."""

    OK = 0
    FAILURE = 1
    """Nothing usable came of it."""
    USAGE = 2
    """The arguments or the settings are wrong; nothing was changed."""
    PARTIAL = 3
    """The day is there, and something of it is missing or a check failed."""


console = Console()
errors = Console(stderr=True)


def print_json(document: Mapping[str, Any]) -> None:
    """The command's answer as one JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def print_table(title: str, rows: Sequence[Mapping[str, object]], *, note: str | None = None) -> None:
    """Rows of the same columns as a table; a dash stands for what is missing."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    for column in rows[0] if rows else []:
        numbers = all(isinstance(row.get(column), int | float) or row.get(column) is None for row in rows)
        table.add_column(column.replace("_", " "), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(
            *("—" if value is None else f"{value:,}" if _number(value) else str(value) for value in row.values())
        )
    console.print(table)
    if note:
        console.print(note, style="dim", highlight=False)


def fail(message: str, code: Exit) -> NoReturn:
    """Say what is wrong and end with `code`."""
    errors.print(f"[red]stocks:[/red] {message}", highlight=False)
    raise SystemExit(int(code))


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
