"""The commands of `stocks` about the check against a second vendor: names, arguments, help.

What belongs here: the surface, which app.py puts into the group. What does not: behaviour, which sits in the module
each command imports when it runs.
"""

from typing import Annotated

import typer

from stocks_pipeline.cli.options import Json, Session

Id = Annotated[
    str | None, typer.Option("--session", metavar="ID", help="The session with this id; its beginning is enough.")
]

Status = Annotated[
    str | None, typer.Option("--status", metavar="S", help="Only these: passed, failed, harmless, error or deferred.")
]
Cause = Annotated[str | None, typer.Option("--cause", metavar="C", help="Only with this likely cause: dividend_basis.")]

validation = typer.Typer(
    no_args_is_help=True, help="Inspect a validation session of the us market, or retry what is left of it."
)


def validate(
    symbols: Annotated[
        list[str] | None, typer.Argument(metavar="[SYMBOL]...", help="Only these. Default: all of the day's.")
    ] = None,
    date: Session = None,
    lookback_days: Annotated[
        int, typer.Option("--lookback-days", min=1, max=365, help="Calendar days compared, up to the session.")
    ] = 5,
    profile: Annotated[
        str, typer.Option("--profile", metavar="P", help="standard: closes within 2 %. strict: every column, 0.02.")
    ] = "standard",
    beside: Annotated[
        bool, typer.Option("--beside", help="A session beside the day's own, also of every symbol.")
    ] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Replace the day's own session; it is kept beside.")] = False,
    as_json: Json = False,
) -> None:
    """Check the stored us prices of a day against a second vendor, within what its plan allows a minute.

    Without symbols it is the day's own session: asked again, it goes on where it stopped and asks for nothing twice;
    while another run is at it, it waits. A symbol whose own prices were fetched again since is asked for again.
    Given symbols are a session beside it, new every time, which changes nothing of the day's; so is --beside, for
    every symbol over other days or by another profile.

    For example:

        stocks validate                                 the newest closed session, every symbol

        stocks validate AAPL GOOGL JPM --lookback-days 10

        stocks validate --date 2026-01-05 --profile strict --beside --json
    """
    from stocks_pipeline.cli import validate as work

    ask = work.asked(symbols, date, lookback_days, profile, anew=anew, beside=beside)
    raise typer.Exit(int(work.run_validation(ask, as_json)))


@validation.command("list")
def list_(date: Session = None, as_json: Json = False) -> None:
    """List validation sessions with their ids: each day's own and those beside it. Reads only.

    For example:

        stocks validation list --date 2026-01-05
    """
    from stocks_pipeline.cli.validation_choice import show_list

    raise typer.Exit(int(show_list(date, as_json=as_json)))


@validation.command()
def status(date: Session = None, session: Id = None, as_json: Json = False) -> None:
    """Show a session's progress: batches, verdicts, credits, what to do. Reads only.

    For example:

        stocks validation status --date 2026-01-05

        stocks validation status --session 3f2a
    """
    from stocks_pipeline.cli.show_validation import show_status

    raise typer.Exit(int(show_status(date, session, as_json=as_json)))


@validation.command()
def results(
    date: Session = None, session: Id = None, status: Status = None, cause: Cause = None, as_json: Json = False
) -> None:
    """The verdict on every symbol, what differs, why probably, and what to do. Reads only.

    For example:

        stocks validation results --status failed

        stocks validation results --cause dividend_basis --json
    """
    from stocks_pipeline.cli.show_validation import show_results

    raise typer.Exit(int(show_results(date, session, status, cause, as_json=as_json)))


@validation.command()
def retry(date: Session = None, session: Id = None, as_json: Json = False) -> None:
    """Retry only what has no verdict on the prices stored now, then update the summary.

    That is batches that failed or wait, symbols that could not be checked, and those whose own prices were fetched
    again since.

    For example:

        stocks validation retry --date 2026-01-05

        stocks validation retry --session 3f2a
    """
    from stocks_pipeline.cli.validate import retry_validation

    raise typer.Exit(int(retry_validation(date, session, as_json=as_json)))
