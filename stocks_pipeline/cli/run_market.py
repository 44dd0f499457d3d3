"""`stocks run`: from the options of one command to a day of a market or a morning of reports.

What belongs here: whose options they are. What does not: running (run.py, run_morning.py).
"""

from collections.abc import Mapping
from typing import Any

from stocks_pipeline.cli import desk, mornings
from stocks_pipeline.cli.options import names
from stocks_pipeline.cli.output import Exit, fail

TRIGGERED_BY = "stocks run"


def run_market(  # noqa: PLR0913 - the options of the command
    market: str,
    date: str | None,
    limit: int | None,
    *,
    refetch: bool,
    asx: Mapping[str, Any],
    dr: Mapping[str, Any],
    as_json: bool,
) -> Exit:
    """Run the day or the morning. `asx` and `dr` are the options that only markets or only the mornings have."""
    found = desk.settings()
    exchange = "asx" if market == mornings.GROUP else market
    desk.refuse_strangers(market, {exchange: asx, mornings.GROUP: dr})
    if dr["no-reports"] and dr["rewrite"]:
        fail("--rewrite asks the model for reports anew, and --no-reports asks for none: give one of them", Exit.USAGE)
    if market == mornings.GROUP:
        from stocks_pipeline.cli.run_morning import run_morning

        return run_morning(
            found, _morning(date, limit, dr, refetch=refetch), as_json=as_json, triggered_by=TRIGGERED_BY
        )
    from stocks_pipeline.cli.run import Ask, run_day

    chosen = desk.market_named(market)
    ask = Ask(
        desk.session_named(date, chosen),
        limit,
        names(asx["symbols"]),
        refetch,
        asx["relist"],
        asx["repin"],
        asx["reuse-last-good"],
        asx["lookback-days"],
    )
    return run_day(found, chosen, ask, as_json=as_json, triggered_by=TRIGGERED_BY)


def _morning(date: str | None, limit: int | None, dr: Mapping[str, Any], *, refetch: bool) -> mornings.MorningAsk:
    return mornings.MorningAsk(
        mornings.morning_named(date),
        limit,
        names(dr["tickers"]),
        refetch,
        dr["rewrite"],
        not dr["no-reports"],
        mornings.description_named(dr["description"]),
    )
