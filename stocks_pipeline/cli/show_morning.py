"""A morning as a person reads it: one sentence, a table, who is not there and why.

What belongs here: printing. What does not: counting (morning_report.py).
"""

from collections.abc import Sequence
from decimal import Decimal

from stocks_pipeline.cli.morning_report import MorningReport, by_class
from stocks_pipeline.cli.output import print_next, print_table, say
from stocks_pipeline.cli.standings import Standing

FIRST = 10
SHOWN = 160
"""Characters of a reason in a table; the whole of it is in `--json` and in the UI."""


def print_morning(
    report: MorningReport, *, paid: str | None = None, seconds: str | None = None, played: bool = False
) -> None:
    """The morning in a sentence and a table, then who failed and why.

    `paid`: what this run cost, in US dollars; `played`: the sandbox plays the model, and nothing was paid.
    """
    say(report.headline(), style="bold")
    steps = ", ".join(f"{step} {value:g}" for step, value in report.step_seconds.items())
    rows = {
        "tickers": f"{report.tickers:,}",
        "data stored": f"{report.data_stored} of {report.tickers}",
        "no data": by_class(report.data_failed) or "none",
        **({} if report.data_only else _reports(report)),
        **({"not begun": str(report.not_begun)} if report.not_begun else {}),
        **({} if report.data_only else {"cost": _cost(report, paid, played=played)}),
        **({"seconds a report": f"{steps} (median)"} if steps else {}),
        **({"seconds": seconds} if seconds else {}),
        "files": report.lake,
    }
    print_table("", [{"what": what, "value": value} for what, value in rows.items()])
    if troubled := report.troubled:
        print_table(f"not there, and why: {min(FIRST, len(troubled))} of {len(troubled)}", letters(troubled[:FIRST]))


def _cost(report: MorningReport, paid: str | None, *, played: bool) -> str:
    """What the reports cost, in the sandbox what they would have cost, and this run of it."""
    cost = dollars(report.cost_usd) if report.written else "none"
    if played:
        run = "" if paid is None else f", this run {dollars(paid)}"
        return f"nothing paid in the sandbox; with a real model {cost}{run}"
    return cost if paid is None else f"{cost}; this run paid {dollars(paid)}"


def _reports(report: MorningReport) -> dict[str, str]:
    """What the reports came to."""
    return {
        "reports written": f"{report.written} of {report.tickers}",
        "reports failed": by_class(report.failed) or "none",
        "reports pending": by_class(report.pending) or "none",
        **({"reports in work": str(report.in_work)} if report.in_work else {}),
        "newest jobs": by_class(report.jobs) or "none",
    }


def letters(standings: Sequence[Standing]) -> list[dict[str, object]]:
    """Rows of tickers that are stuck."""
    return [
        {"ticker": s.ticker, "step": s.step or "report", "class": s.kind, "tries": s.tries, "why": _short(s.why)}
        for s in standings
    ]


def print_steps(report: MorningReport, example: str | None = None) -> None:
    """What to do next: what is left, or a report to read."""
    if steps := report.next_steps():
        print_next(steps, title="What to do")
    elif example:
        print_next([("read one", f"stocks report {example} --date {report.date}")])


def dollars(text: str | None) -> str:
    """An amount for people."""
    return "an unknown amount" if text is None else f"{Decimal(text):.4f} USD"


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
