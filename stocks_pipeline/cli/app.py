"""Every command of `stocks`: names, arguments, help. One function a command, each a few lines.

What belongs here: the surface. What does not: behaviour, which sits in the module each command imports when it runs.
"""

from typing import Annotated

import typer

app = typer.Typer(
    name="stocks",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
    help="The market-data desk: run a day, see what it came to, heal what failed, read the data.\n\n"
    "Exit codes: 0 well, 1 nothing usable, 2 wrong arguments or settings, 3 the day is there but not whole.",
)

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output instead of tables.")]
Date = Annotated[
    str | None, typer.Option("--date", metavar="D", help="The session, 2025-12-05. Default: the newest closed one.")
]
MarketName = Annotated[str, typer.Argument(metavar="MARKET", help="asx")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Only the first N symbols of the list.")]
Symbols = Annotated[str | None, typer.Option("--symbols", metavar="A,B", help="Only these symbols: BHP,CBA")]


@app.command()
def run(
    market: MarketName,
    date: Date = None,
    limit: Limit = None,
    symbols: Symbols = None,
    refetch: Annotated[bool, typer.Option(help="Fetch again what is stored and complete.")] = False,
    relist: Annotated[bool, typer.Option(help="Ask the exchange for its list again.")] = False,
    repin: Annotated[bool, typer.Option(help="Split the day into batches anew.")] = False,
    reuse_last_good: Annotated[bool, typer.Option(help="Without a list, use the newest stored one, marked.")] = False,
    lookback_days: Annotated[
        int | None, typer.Option(min=0, max=3660, help="Days before the session to fetch too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run one day in the foreground: list, split, fetch every batch, merge. No daemon needed.

    What is stored and complete is not fetched again, so running a day twice is cheap, and running it after a crash
    does only the rest.
    """
    from stocks_pipeline.cli import desk
    from stocks_pipeline.cli.run import Ask, run_day

    found = desk.settings()
    chosen = desk.market_named(market)
    day = desk.session_named(date, chosen)
    names = [s for s in (symbols or "").split(",") if s.strip()]
    ask = Ask(day, limit, names, refetch, relist, repin, reuse_last_good, lookback_days)
    raise typer.Exit(int(run_day(found, chosen, ask, as_json=as_json, triggered_by="stocks run")))


@app.command()
def demo(
    date: Date = None,
    replay: Annotated[
        str | None, typer.Option(metavar="DIR", help="A folder of recorded real data to run instead.")
    ] = None,
    as_json: Json = False,
) -> None:
    """One whole ASX day against the sandbox, offline: about 2,000 companies in half a minute."""
    from stocks_pipeline.cli.demo import run_demo

    raise typer.Exit(int(run_demo(date, replay, as_json=as_json)))


@app.command()
def dev(
    port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000,
    replay: Annotated[str | None, typer.Option(metavar="DIR", help="The desk of `stocks demo --replay DIR`.")] = None,
) -> None:
    """The Dagster UI and daemon on this desk's data, with the sandbox beside them unless STOCKS_UPSTREAM=live."""
    from stocks_pipeline.cli.demo import run_dev

    raise typer.Exit(run_dev(port, replay))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def sandbox(context: typer.Context) -> None:
    """Only the offline upstreams, with any option of theirs, such as `--fault 429,share=0.3`; `--help` lists them."""
    from stocks_pipeline.cli.demo import run_sandbox

    raise typer.Exit(run_sandbox(context.args))
