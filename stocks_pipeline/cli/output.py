"""How commands speak: tables for people, one JSON document for programs, and what an exit code means.

What belongs here: printing and ending. What does not: anything that computes what is printed.
"""

import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any, NoReturn

from rich import box
from rich.console import Console
from rich.markup import escape
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
    INTERRUPTED = 130
    """Ctrl-C: what was stored stays, and the same command goes on from there."""


WIDE = 120
"""Columns of a table that goes into a file or a pipe, where nobody's window says how wide it may be."""

LONGEST_REASON = 50
"""Characters of a reason that the commands of the others stand in line with."""

console = Console(width=None if sys.stdout.isatty() else WIDE)
errors = Console(stderr=True)


def keep_errors() -> None:
    """Let `errors` write to this process's standard error as it is now, for good: to be called once, at the start.

    Dagster sends descriptor 2 into a file of its own while a step runs, and what a person should see during the step
    (progress, who is waited for) would go there.
    """
    if sys.__stderr__ is not None and sys.stderr is sys.__stderr__:
        errors.file = os.fdopen(os.dup(sys.__stderr__.fileno()), "w", buffering=1, encoding="utf-8", errors="replace")


def print_json(document: Mapping[str, Any]) -> None:
    """The command's answer as one JSON document on standard output."""
    text = json.dumps(_plain(document), indent=2, default=str, ensure_ascii=False, allow_nan=False)
    sys.stdout.write(text + "\n")


def print_table(title: str, rows: Sequence[Mapping[str, object]], *, note: str | None = None) -> None:
    """Rows of the same columns as a table; a dash stands for what is missing."""
    table = new_table(title)
    for column in rows[0] if rows else []:
        numbers = all(_number(row.get(column)) or row.get(column) is None for row in rows)
        table.add_column(column.replace("_", " "), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(
            *(
                "—" if value is None else f"{value:,}" if _number(value) else escape(str(value))
                for value in row.values()
            )
        )
    console.print(table)
    if note:
        console.print(escape(note), style="dim", highlight=False)


def new_table(title: str | None = None) -> Table:
    """An empty table in the house style."""
    return Table(
        title=escape(title) if title else None,
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )


def print_next(lines: Sequence[tuple[str, str]], *, title: str = "Try next") -> None:
    """Things to do, as commands to copy."""
    console.print(f"\n[bold]{title}[/bold]")
    width = max((len(text) for text, _ in lines if len(text) <= LONGEST_REASON), default=0)
    for text, line in lines:
        console.print(f"  {escape(text.ljust(width))}  [cyan]{escape(line)}[/cyan]", highlight=False, soft_wrap=True)


def say(text: str, *, style: str | None = None) -> None:
    """One line for people, never wrapped, so that a terminal or a grep finds it whole."""
    console.print(escape(text), style=style, highlight=False, soft_wrap=True)


def say_above(text: str) -> None:
    """The same while progress is shown: above it where both are on one terminal."""
    shared = console.is_terminal and errors.is_terminal
    (errors if shared else console).print(escape(text), highlight=False, soft_wrap=True)


def complain(message: str) -> None:
    """One line on standard error."""
    errors.print(f"[red]stocks:[/red] {escape(message)}", highlight=False, soft_wrap=True)


def fail(message: str, code: Exit) -> NoReturn:
    """Say what is wrong and end with `code`."""
    complain(message)
    raise SystemExit(int(code))


def refuse_choice(option: str, given: str, valid: Iterable[str]) -> NoReturn:
    """End the command: the option takes one of these values, and was given another."""
    fail(f"{option}: unknown value {given!r}; valid: {', '.join(valid)}", Exit.USAGE)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: Any) -> Any:
    """The same without what JSON cannot say: NaN and infinities are missing numbers."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
