"""Options that several commands of `stocks` share, each with its one help text.

What belongs here: those. What does not: the commands (app.py, app_reports.py).
"""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output instead of tables.")]
Session = Annotated[
    str | None, typer.Option("--date", metavar="D", help="The session, 2025-12-05. Default: the newest closed one.")
]
Day = Annotated[
    str | None,
    typer.Option("--date", metavar="D", help="The session or morning, 2025-12-05. Default: the newest one."),
]
Begun = Annotated[
    str | None,
    typer.Option("--date", metavar="D", help="The session or morning, 2025-12-05. Default: the newest that was begun."),
]
Morning = Annotated[
    str | None,
    typer.Option("--date", metavar="D", help="The morning, 2025-12-05. Default: the newest since 05:00 in Bangkok."),
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Only the first N of the list.")]
Symbols = Annotated[str | None, typer.Option("--symbols", metavar="A,B", help="asx, us: only these: BHP,CBA")]
Tickers = Annotated[
    str | None, typer.Option("--tickers", metavar="A,B", help="dr: only these, by either name: NVDA,DBS19")
]
Refetch = Annotated[bool, typer.Option("--refetch", help="Fetch again what is stored and complete.")]
Relist = Annotated[bool, typer.Option("--relist", help="asx, us: ask for the list again.")]
Repin = Annotated[bool, typer.Option("--repin", help="asx, us: split the day into batches anew.")]
ReuseLastGood = Annotated[
    bool,
    typer.Option(
        "--reuse-last-good", help="asx, us: if the list cannot be fetched, use the newest stored one and mark the day."
    ),
]
LookbackDays = Annotated[
    int | None, typer.Option("--lookback-days", min=0, max=3660, help="asx, us: days before the session to fetch too.")
]
NoReports = Annotated[bool, typer.Option("--no-reports", help="dr: fetch only, which costs nothing.")]
Description = Annotated[
    str | None,
    typer.Option("--description", metavar="TEXT", help="dr: why, in your words; kept with its runs and jobs."),
]
Rewrite = Annotated[bool, typer.Option("--rewrite", help="dr: ask the model anew, even what it has answered.")]


def names(text: str | None) -> list[str]:
    """The parts of a list with commas."""
    return [name.strip() for name in (text or "").split(",") if name.strip()]
