"""Every command of `stocks`: names, arguments, help. One function a command, each a few lines.

What belongs here: the surface. What does not: behaviour, which sits in the module each command imports when it runs.
"""

from typing import Annotated

import typer

from stocks_pipeline.cli.boundary import Desk

app = typer.Typer(
    name="stocks",
    cls=Desk,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
    help="The market-data desk: run a day, see what it came to, heal what failed, read the data.\n\n"
    "Exit codes: 0 well, 1 nothing usable, 2 wrong arguments or settings, 3 the day is there but not whole, "
    "130 Ctrl-C.\n\n"
    "Settings are environment variables; `stocks doctor` says which are in force and what is wrong with them.",
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

    For example:

        stocks run asx                                 the newest closed session

        stocks run asx --date 2025-12-05 --limit 5     exactly five symbols

        stocks run asx --symbols BHP,CBA --json        two symbols, for a program
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
def status(
    date: Annotated[
        str | None, typer.Option("--date", metavar="D", help="One session in full: batches, symbols, checks.")
    ] = None,
    last: Annotated[int, typer.Option("--last", min=1, max=1000, help="How many executions to list.")] = 5,
    as_json: Json = False,
) -> None:
    """What ran last, whether the newest day is whole, and what to do if it is not. Reads only.

    For example:

        stocks status                       the last five executions and the newest day

        stocks status --last 20 --json      twenty of them, for a program

        stocks status --date 2025-12-05     what is there of one day, and which command brings the rest
    """
    from stocks_pipeline.cli import desk
    from stocks_pipeline.cli.status import show_status

    found = desk.settings()
    markets = desk.all_markets()
    day = None if date is None else desk.session_named(date, markets[0])
    raise typer.Exit(int(show_status(found, markets, day, last, as_json=as_json)))


@app.command()
def retry(
    asset: Annotated[str, typer.Argument(metavar="ASSET", help="asx/raw_prices")],
    date: Annotated[str, typer.Option("--date", metavar="D", help="The session, 2025-12-05.")],
    pending: Annotated[
        bool, typer.Option("--pending", help="Also ask again for symbols of good batches that failed in passing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Exactly the failed and missing partitions of one day, in one run, then merge the day again.

    A batch is failed when it is red, missing when it was never fetched or its file is gone. Good batches are not
    touched. A batch of which only a few symbols failed in passing (a timeout, a refusal) is good; `--pending` asks for
    those symbols too. Nothing to retry is no error.

    For example:

        stocks retry asx/raw_prices --date 2025-12-05

        stocks retry asx/raw_prices --date 2025-12-05 --pending --json
    """
    from stocks_pipeline.cli import desk
    from stocks_pipeline.cli.retry import asset_named, retry_day

    found = desk.settings()
    market = asset_named(asset)
    day = desk.session_named(date, market)
    raise typer.Exit(int(retry_day(found, market, day, pending=pending, as_json=as_json)))


@app.command()
def sql(
    query: Annotated[str | None, typer.Argument(metavar="QUERY", help="One SELECT, WITH, DESCRIBE or SHOW.")] = None,
    tables: Annotated[bool, typer.Option("--tables", help="List the views, their columns and what they mean.")] = False,
    limit_rows: Annotated[int, typer.Option("--limit-rows", min=0, help="Rows to print; 0 prints all.")] = 100,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with a header line.")] = False,
    as_json: Json = False,
) -> None:
    """Ask the stored data in SQL (DuckDB's). Reads only, also while runs write.

    For example:

        stocks sql --tables

        stocks sql "SELECT symbol, close FROM daily_prices WHERE session = '2025-12-05' LIMIT 10"

        stocks sql --csv --limit-rows 0 "SELECT * FROM daily_prices" > prices.csv
    """
    from stocks_pipeline.cli import desk
    from stocks_pipeline.cli.sql import run_sql, show_tables

    found = desk.settings()
    if tables or query in {"describe", "tables"}:
        raise typer.Exit(int(show_tables(as_json=as_json)))
    if not query or not query.strip():
        raise typer.BadParameter("a query in quotes, or --tables to see what can be asked", param_hint="QUERY")
    raise typer.Exit(int(run_sql(found, query, limit_rows, as_json=as_json, as_csv=as_csv)))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Is this desk fit to run? Settings, stores, limits, daemon, schedules, leftovers; each finding says what to do.

    Writes nothing but a probe that it deletes again. Keys are named, never shown. Exit code 1 if anything failed.

    For example:

        stocks doctor

        stocks doctor --json
    """
    from stocks_pipeline.cli.doctor import run_doctor

    raise typer.Exit(int(run_doctor(as_json=as_json)))


@app.command()
def demo(
    date: Date = None,
    replay: Annotated[
        str | None, typer.Option(metavar="DIR", help="A folder of recorded real data to run instead.")
    ] = None,
    as_json: Json = False,
) -> None:
    """One whole ASX day against the sandbox, offline: about 2,000 companies in half a minute.

    For example:

        stocks demo

        stocks demo --replay recorded --date 2025-12-05
    """
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
