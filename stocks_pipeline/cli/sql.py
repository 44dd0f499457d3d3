"""`stocks sql`: a question in SQL about the stored data. Reads only, also while runs write.

What belongs here: printing an answer as a table, JSON or CSV. What does not: running the query
(storage/warehouse.py) and the meaning of columns (storage/dictionary.py).
"""

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from stocks_pipeline.cli.desk import begun_lake
from stocks_pipeline.cli.output import Exit, complain, console, fail, new_table, print_json, print_table, say

if TYPE_CHECKING:
    from stocks_pipeline.settings import Settings


def run_sql(found: "Settings", query: str, limit_rows: int, *, as_json: bool, as_csv: bool) -> Exit:
    """Print the answer.

    Raises:
        QueryError: refused or wrong; the message is DuckDB's or names what is allowed.
        LakeError: the lake cannot be reached.
    """
    if as_json and as_csv:
        fail("--json and --csv: choose one", Exit.USAGE)
    from stocks_pipeline.storage.warehouse import Warehouse

    with Warehouse(begun_lake(found)) as warehouse:
        answer = warehouse.sql(query)
    total = answer.num_rows
    shown = answer.slice(0, limit_rows) if limit_rows else answer
    if as_csv:
        _print_csv(shown)
    elif as_json:
        names = _distinct(answer.schema.names)
        columns = [{"name": n, "type": str(f.type)} for n, f in zip(names, answer.schema, strict=True)]
        rows = [dict(zip(names, row, strict=True)) for row in _rows(shown)]
        print_json({"columns": columns, "rows": rows, "row_count": total, "cut": total > shown.num_rows})
    else:
        _print_table(shown, total)
    if as_csv and total > shown.num_rows:
        complain(_cut(shown.num_rows, total))
    return Exit.OK


def show_tables(*, as_json: bool) -> Exit:
    """Print the views, their columns, types and what they mean, with units."""
    from stocks_pipeline.storage.warehouse import describe

    columns = describe()
    if as_json:
        views: dict[str, list[dict[str, str]]] = {}
        for view, column, kind, text in columns:
            views.setdefault(view, []).append({"name": column, "type": kind, "description": text})
        print_json({"views": [{"name": view, "columns": found} for view, found in views.items()]})
        return Exit.OK
    for name in dict.fromkeys(view for view, *_ in columns):
        rows = [{"column": c, "type": kind, "meaning": text} for view, c, kind, text in columns if view == name]
        print_table(name, rows)
    return Exit.OK


def _distinct(names: list[str]) -> list[str]:
    """Column names, each once: `SELECT a.symbol, b.symbol` has two alike, which a JSON object cannot hold."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return found


def _rows(table: Any) -> list[tuple[Any, ...]]:
    """Rows as tuples, because two columns may have the same name."""
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def _print_table(table: Any, total: int) -> None:
    printed = new_table()
    for field in table.schema:
        kind = str(field.type)
        numbers = kind.startswith(("int", "uint", "double", "float", "decimal"))
        printed.add_column(escape(field.name), justify="right" if numbers else "left", overflow="fold")
    for row in _rows(table):
        printed.add_row(*(escape(_cell(value)) for value in row))
    console.print(printed)
    cut = table.num_rows < total
    say(_cut(table.num_rows, total) if cut else f"{total:,} row{'' if total == 1 else 's'}", style="dim")


def _cell(value: Any) -> str:
    """A value as a person reads it: vendors' 6.400000095367432 is 6.4."""
    if value is None:
        return "—"
    return str(round(value, 6)) if isinstance(value, float) else str(value)


def _print_csv(table: Any) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(table.schema.names)
    writer.writerows(_rows(table))


def _cut(shown: int, total: int) -> str:
    return f"{shown:,} of {total:,} rows; --limit-rows N shows more, 0 all"
