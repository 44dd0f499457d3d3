"""`stocks retry dr`: exactly what is missing of a morning: data first, then reports, then the count.

What belongs here: choosing what to retry, and saying what became of it. What does not: running (run_morning.py).

Only tickers that the morning was begun for: a test with five must not end in forty more reports that cost money.
"""

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from stocks_pipeline.cli import mornings
from stocks_pipeline.cli.cooling import wait_for
from stocks_pipeline.cli.desk import open_instance
from stocks_pipeline.cli.output import Exit, fail, print_json, print_next, say
from stocks_pipeline.cli.run_morning import Plan, carry_out, require_key, tell
from stocks_pipeline.wording import counted

if TYPE_CHECKING:
    from stocks_pipeline.cli.morning_report import MorningReport
    from stocks_pipeline.cli.standings import Standing
    from stocks_pipeline.settings import Settings

ASSETS = (mornings.GROUP, f"{mornings.GROUP}/ticker_reports")


def retry_morning(found: "Settings", asset: str, day: date | None, *, as_json: bool) -> Exit:
    """Retry what is missing of the morning, or of the newest that was begun, and print what was healed; nothing to
    retry is well.
    """
    from stocks_pipeline.cli.morning_report import begun_mornings, morning_report
    from stocks_pipeline.cli.run import usable_lake
    from stocks_pipeline.defs.operations.dead_runs import reap

    with open_instance(found) as instance:
        lake = usable_lake(found)
        reap(instance)
        day = day or next(reversed(begun_mornings(instance, lake)), None) or mornings.morning_named(None)
        active = [ticker.dr for ticker in mornings.followed(found) if ticker.active]
        before = morning_report(instance, lake, day, active)
        plan = plan_of(before, asset)
        if before.not_begun == before.tickers:
            fail(f"--date: the morning of {day} was never begun; begin it with: stocks run dr --date {day}", Exit.USAGE)
        if not plan.asked:
            return _nothing(before, asset, as_json=as_json)
        _ready(found, plan, quiet=as_json)
        outcome = carry_out(found, instance, plan, quiet=as_json, triggered_by="stocks retry")
        after = morning_report(instance, lake, day, active)
    healed = [s.ticker for s in outcome.report.standings if s.state == "written"]
    left = [name for name in plan.asked if name not in healed]
    if as_json:
        whole = replace(outcome, report=after).to_dict()
        left_out = [s.ticker for s in given_up(after)]
        print_json({"asked": list(plan.asked), "healed": healed, "left": left, "given_up": left_out, **whole})
        return outcome.code
    tell(found, outcome, as_json=False)
    rest = f"; still bad: {', '.join(left)}" if left else ""
    asked = counted(len(plan.asked), "ticker")
    say(f"{asset} {day}: retried {asked}; healed: {', '.join(healed) or 'none'}{rest}.")
    _say_given_up(after)
    say(after.headline(), style="bold")
    return outcome.code


def _ready(found: "Settings", plan: Plan, *, quiet: bool) -> None:
    """Whether the vendors that the plan needs will take its calls: a missing key ends it, a cool-down is waited for."""
    if plan.write:
        require_key(found)
    vendors = ("yahoo", plan.fetch, found.yahoo_rate), ("model", plan.write, found.llm.concurrency)
    for vendor, tickers, per_second in vendors:
        if tickers:
            wait_for(found, vendor, per_second, quiet=quiet)


def plan_of(report: "MorningReport", asset: str) -> Plan:
    """Data where they are missing, and every report that is not there; of reports alone, those that have data.

    Data that cannot be read count as missing. Data that the vendor does not have are not asked for again.
    """
    stuck = [s for s in report.stuck if s not in given_up(report) and (asset == mornings.GROUP or s.state != "no_data")]
    names = [s.ticker for s in stuck]
    fetch = [s.ticker for s in stuck if s.state == "no_data"]
    rewrite = [s.ticker for s in stuck if s.rewrite]
    return Plan(date.fromisoformat(report.date), names, fetch, names, rewrite=rewrite, kind="retry")


def given_up(report: "MorningReport") -> list["Standing"]:
    """Tickers whose data the vendor said for good that it does not have."""
    return [s for s in report.stuck if s.state == "no_data" and s.final]


def _say_given_up(report: "MorningReport") -> None:
    if names := [s.ticker for s in given_up(report)]:
        again = f"stocks run dr --date {report.date} --tickers {','.join(names)}"
        say(f"Not asked for again, as the vendor has no data of {', '.join(names)}. To ask all the same: {again}")


def _nothing(report: "MorningReport", asset: str, *, as_json: bool) -> Exit:
    if as_json:
        none: dict[str, list[str]] = {"asked": [], "healed": [], "left": []}
        left_out = [s.ticker for s in given_up(report)]
        print_json({**none, "given_up": left_out, **report.to_dict(), "stages": [], "exit": "ok"})
        return Exit.OK
    other = "other " if given_up(report) else ""
    say(f"Nothing to retry: no {other}ticker of {asset} {report.date} failed, is pending or is missing.")
    _say_given_up(report)
    say(report.headline(), style="bold")
    if steps := report.next_steps():
        print_next(steps, title="What to do")
    return Exit.OK
