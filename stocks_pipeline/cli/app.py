"""Every command of `stocks`: names, arguments, help. One function a command, each a few lines.

What belongs here: the surface. What does not: behaviour, which sits in the module each command imports when it runs.
"""

from typing import Annotated

import typer

from stocks_pipeline.cli import app_alerts, app_reports, app_upkeep, app_validation
from stocks_pipeline.cli.boundary import Desk
from stocks_pipeline.cli.options import (
    Begun,
    Day,
    Description,
    Json,
    Limit,
    LookbackDays,
    NoReports,
    Refetch,
    Relist,
    Repin,
    ReuseLastGood,
    Rewrite,
    Session,
    Symbols,
    Tickers,
)

app = typer.Typer(
    name="stocks",
    cls=Desk,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
    help="The market-data desk: run a day, see what it came to, heal what failed, read the data.\n\n"
    "Exit codes: 0 success, 1 nothing usable, 2 wrong arguments or settings, 3 the day is stored but incomplete, "
    "130 interrupted (Ctrl-C).\n\n"
    "Settings are environment variables; `stocks doctor` says which are in force and what is wrong with them.",
)


@app.command()
def run(
    market: Annotated[str, typer.Argument(metavar="MARKET", help="asx, us or dr")],
    date: Day = None,
    limit: Limit = None,
    symbols: Symbols = None,
    tickers: Tickers = None,
    refetch: Refetch = False,
    relist: Relist = False,
    repin: Repin = False,
    reuse_last_good: ReuseLastGood = False,
    lookback_days: LookbackDays = None,
    no_reports: NoReports = False,
    rewrite: Rewrite = False,
    description: Description = None,
    as_json: Json = False,
) -> None:
    """Run one day of asx or us (list, split, fetch, merge) or one morning of dr (fetch, write, count). No daemon.

    What is stored and complete is not fetched again, and what the model answered is not paid for again, so running a
    day twice is cheap, and running it after a crash does only the rest.

    For example:

        stocks run asx --date 2025-12-05 --limit 5           exactly five symbols

        stocks run asx --symbols BHP,CBA --json              two symbols, for a program

        stocks run dr --limit 5                              the newest morning, five reports

        stocks run dr --tickers NVDA,DBS19 --no-reports      fetch only, these two
    """
    from stocks_pipeline.cli.run_market import run_market

    asx: dict[str, object] = {"symbols": symbols, "relist": relist, "repin": repin}
    asx |= {"reuse-last-good": reuse_last_good, "lookback-days": lookback_days}
    dr = {"tickers": tickers, "no-reports": no_reports, "rewrite": rewrite, "description": description}
    raise typer.Exit(int(run_market(market, date, limit, refetch=refetch, asx=asx, dr=dr, as_json=as_json)))


for command in (app_reports.precompute, app_reports.report, app_reports.dead_letters):
    app.command()(command)
app.command()(app_validation.validate)
app.command()(app_upkeep.retention)
app.add_typer(app_validation.validation, name="validation")
app.add_typer(app_alerts.alerts, name="alerts")


@app.command()
def status(
    date: Annotated[
        str | None, typer.Option("--date", metavar="D", help="One day in full: batches, symbols, checks, reports.")
    ] = None,
    last: Annotated[int, typer.Option("--last", min=1, max=1000, help="How many executions to list.")] = 5,
    as_json: Json = False,
) -> None:
    """What ran last, whether the newest day and morning are whole, and what to do if not. Reads only.

    For example:

        stocks status                       the last five executions, the newest day and the newest morning

        stocks status --last 20 --json      twenty of them, for a program

        stocks status --date 2025-12-05     what is there of one day, and which command brings the rest
    """
    from stocks_pipeline.cli import desk
    from stocks_pipeline.cli.status import show_status

    found = desk.settings()
    raise typer.Exit(int(show_status(found, desk.all_markets(), date, last, as_json=as_json)))


@app.command()
def retry(
    asset: Annotated[
        str, typer.Argument(metavar="ASSET", help="asx/raw_prices, us/raw_prices, dr or dr/ticker_reports")
    ],
    date: Begun = None,
    pending: Annotated[
        bool, typer.Option("--pending", help="asx, us: also symbols that failed in passing or lack the bar.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Retry only the failed and missing partitions of one day, then merge or recount it.

    asx/raw_prices, us/raw_prices: a batch is failed when it is red, missing when it was never fetched or its file is
    gone. Good batches are not touched. A batch of which only a few symbols failed in passing (a timeout, a refusal) is
    good; `--pending` asks for those symbols too, and for those that were answered without a bar of the session. dr:
    data that are missing, then reports that failed, are pending or are missing, of the tickers that the morning was
    begun for. Nothing to retry is no error.

    For example:

        stocks retry asx/raw_prices --date 2025-12-05

        stocks retry asx/raw_prices --date 2025-12-05 --pending --json

        stocks retry dr
    """
    from stocks_pipeline.cli import desk, mornings
    from stocks_pipeline.cli.retry import asset_named, retry_day
    from stocks_pipeline.cli.retry_morning import ASSETS, retry_morning

    found = desk.settings()
    if asset in ASSETS:
        desk.refuse_strangers(mornings.GROUP, {"asx": {"pending": pending}, mornings.GROUP: {}})
        morning = mornings.morning_named(date) if date else None
        raise typer.Exit(int(retry_morning(found, asset, morning, as_json=as_json)))
    market = asset_named(asset)
    day = desk.session_named(date, market) if date else None
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
    date: Session = None,
    replay: Annotated[
        str | None, typer.Option(metavar="DIR", help="A folder of recorded real data to run instead.")
    ] = None,
    only: Annotated[str | None, typer.Option(metavar="MARKET", help="Only one of them: asx, dr or us.")] = None,
    as_json: Json = False,
) -> None:
    """An ASX day of some 2,000 companies, a morning of reports, a check of US prices: offline, in a minute.

    Everything is asked of the sandbox. In its validation session a second vendor differs on purpose, and its minute is
    two seconds, so that you see the limiter wait without waiting with it.

    For example:

        stocks demo

        stocks demo --replay recorded --date 2025-12-05

        stocks demo --only dr
    """
    from stocks_pipeline.cli.demo import run_demo

    raise typer.Exit(int(run_demo(date, replay, only, as_json=as_json)))


@app.command()
def dev(
    port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000,
    replay: Annotated[str | None, typer.Option(metavar="DIR", help="The desk of `stocks demo --replay DIR`.")] = None,
) -> None:
    """The Dagster UI and daemon on this desk's data, with the sandbox beside them unless STOCKS_UPSTREAM=live."""
    from stocks_pipeline.cli.dev import run_dev

    raise typer.Exit(run_dev(port, replay))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def sandbox(context: typer.Context) -> None:
    """Only the offline upstreams, with any option of theirs, such as `--fault 429,share=0.3`; `--help` lists them."""
    from stocks_pipeline.cli.dev import run_sandbox

    raise typer.Exit(run_sandbox(context.args))
