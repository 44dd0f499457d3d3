"""The commands of `stocks` that keep a desk in order: names, arguments, help.

What belongs here: the surface, which app.py puts into the group. What does not: behaviour, which sits in retention.py.
"""

from typing import Annotated

import typer

from stocks_pipeline.cli.options import Json


def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Delete nothing; only say what would go.")] = False,
    as_json: Json = False,
) -> None:
    """Delete now what the nightly job would: records of work past STOCKS_RETENTION_DAYS, never reports or prices.

    For example:

        stocks retention --dry-run

        stocks retention --dry-run --json      every file, for a program
    """
    from stocks_pipeline.cli.retention import run_retention

    raise typer.Exit(int(run_retention(dry_run=dry_run, as_json=as_json)))
