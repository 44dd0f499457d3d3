"""The commands of `stocks` about morning reports: names, arguments, help. One function a command, each a few lines.

What belongs here: the surface, which app.py puts into the group. What does not: behaviour, which sits in the module
each command imports when it runs.
"""

from typing import Annotated

import typer

from stocks_pipeline.cli.options import Description, Json, Limit, Morning, Rewrite, Tickers, names


def precompute(
    date: Morning = None,
    limit: Limit = None,
    tickers: Tickers = None,
    source: Annotated[
        str, typer.Option("--source", help="Who asked; recorded with the execution and its jobs.")
    ] = "manual",
    description: Description = None,
    rewrite: Rewrite = False,
) -> None:
    """Write reports only, of tickers whose data are stored, and print one JSON document about the execution.

    Without data it fails at once and asks nobody. `--limit 5` writes five: the first of the list that have data.
    Calls the model, which costs money; an answer that was paid for is not paid for again.

    The document: `statusCode` and `body` (message, execution_arn, execution_name, and workflow_input with limit,
    triggered_at, triggered_by, source, description); beside them run_ids, without_data, and result: the counts.

    For example:

        stocks precompute --limit 5 --source manual

        stocks precompute --tickers NVDA,DBS19 --date 2025-12-05
    """
    from stocks_pipeline.cli import desk, mornings
    from stocks_pipeline.cli.precompute import run_precompute

    found = desk.settings()
    why = mornings.description_named(description)
    day = mornings.morning_named(date)
    ask = mornings.MorningAsk(day, limit, names(tickers), rewrite=rewrite, description=why)
    raise typer.Exit(int(run_precompute(found, ask, source)))


def report(
    ticker: Annotated[str, typer.Argument(metavar="TICKER", help="Either name: NVDA19 or NVDA.")],
    date: Annotated[
        str | None, typer.Option("--date", metavar="D", help="The morning. Default: its newest report.")
    ] = None,
    as_html: Annotated[bool, typer.Option("--html", help="One HTML document, the chart inside it.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="The stored Markdown, with every source.")] = False,
    open_path: Annotated[bool, typer.Option("--open-path", help="Print only the path of the page to open.")] = False,
    history: Annotated[bool, typer.Option("--history", help="Earlier executions of that morning's report.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The payload as it is stored.")] = False,
) -> None:
    """Show a stored report: text, scores, stance, chart. Reads the lake only; asks neither the model nor Yahoo.

    For example:

        stocks report NVDA19                       the newest one, to read here

        stocks report NVDA --date 2025-12-05 --html > nvda.html

        stocks report DBS19 --history
    """
    from stocks_pipeline.cli import desk
    from stocks_pipeline.cli.show_report import show_report

    forms = {"html": as_html, "markdown": as_markdown, "open-path": open_path, "json": as_json}
    chosen = [name for name, wanted in forms.items() if wanted]
    if len(chosen) > 1 or (history and set(chosen) - {"json"}):
        clash = [f"--{name}" for name in ([*chosen, "history"] if history else chosen)]
        raise typer.BadParameter("one form at a time", param_hint=" and ".join(clash))
    form = chosen[0] if chosen else "text"
    raise typer.Exit(int(show_report(desk.settings(), ticker, date, form, history=history)))


def dead_letters(
    date: Annotated[
        str | None,
        typer.Option(
            "--date", metavar="D", help="The day. Default: the newest morning that was begun, the newest validations."
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many to list.")] = 10,
    as_json: Json = False,
) -> None:
    """What failed or waits, tickers of a morning and batches of validations: class, tries, why, until when, what to do.

    For example:

        stocks dead-letters

        stocks dead-letters --date 2025-12-05 --limit 46 --json
    """
    from stocks_pipeline.cli import desk
    from stocks_pipeline.cli.dead_letters import show_dead_letters

    raise typer.Exit(int(show_dead_letters(desk.settings(), date, limit, as_json=as_json)))
