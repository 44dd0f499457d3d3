"""The commands of `stocks` about the check against a second vendor: names, arguments, help.

What belongs here: the surface, which app.py puts into the group. What does not: behaviour, which sits in the module
each command imports when it runs.
"""

from typing import Annotated

import typer

from stocks_pipeline.cli.options import Json, Session

Status = Annotated[
    str | None, typer.Option("--status", metavar="S", help="Only these: passed, failed, error or deferred.")
]
Cause = Annotated[str | None, typer.Option("--cause", metavar="C", help="Only with this likely cause: dividend_basis.")]

validation = typer.Typer(no_args_is_help=True, help="Look at a validation session of us, or try its rest again.")


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
    anew: Annotated[
        bool, typer.Option("--anew", help="Replace the day's session, if it is about something else.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the stored us prices of a day against a second vendor, within what its plan allows a minute.

    A day has one session. The same question again goes on where it stopped and asks for nothing twice; a session about
    other symbols, days or another profile replaces it only with `--anew` (or if it was about fewer symbols).

    For example:

        stocks validate                                 the newest closed session, every symbol

        stocks validate AAPL GOOGL MSFT --lookback-days 10 --anew

        stocks validate --date 2026-01-05 --profile strict --json
    """
    from stocks_pipeline.cli import validate as work

    raise typer.Exit(int(work.run_validation(work.asked(symbols, date, lookback_days, profile, anew=anew), as_json)))


@validation.command()
def status(date: Session = None, as_json: Json = False) -> None:
    """How far a session is: batches, verdicts, credits, what to do. Reads only.

    For example:

        stocks validation status --date 2026-01-05
    """
    from stocks_pipeline.cli.show_validation import show_status

    raise typer.Exit(int(show_status(date, as_json=as_json)))


@validation.command()
def results(date: Session = None, status: Status = None, cause: Cause = None, as_json: Json = False) -> None:
    """The verdict on every symbol, what differs, why probably, and what to do. Reads only.

    For example:

        stocks validation results --status failed

        stocks validation results --cause dividend_basis --json
    """
    from stocks_pipeline.cli.show_validation import show_results

    raise typer.Exit(int(show_results(date, status, cause, as_json=as_json)))


@validation.command()
def retry(date: Session = None, as_json: Json = False) -> None:
    """Exactly the batches of a session that failed, wait, or hold symbols that were put off. Then the sum again.

    For example:

        stocks validation retry --date 2026-01-05
    """
    from stocks_pipeline.cli.validate import retry_validation

    raise typer.Exit(int(retry_validation(date, as_json=as_json)))
