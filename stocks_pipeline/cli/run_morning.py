"""`stocks run dr` and what `precompute` and `retry` share with it: a morning in the foreground.

What belongs here: from a choice of tickers to runs, the exit code, and the answer. What does not: the stages
(mornings.py), the counting (morning_report.py) and the table (show_morning.py).
"""

from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from stocks_pipeline.cli import mornings
from stocks_pipeline.cli.cooling import announce
from stocks_pipeline.cli.desk import open_instance
from stocks_pipeline.cli.output import Exit, complain, fail, print_json
from stocks_pipeline.settings import SettingError
from stocks_pipeline.wording import counted

if TYPE_CHECKING:
    import dagster as dg

    from stocks_pipeline.cli.foreground import StageResult
    from stocks_pipeline.cli.morning_report import MorningReport
    from stocks_pipeline.cli.mornings import MorningAsk, MorningDesk
    from stocks_pipeline.settings import Settings
    from stocks_pipeline.storage.lake import Lake


@dataclass(frozen=True)
class Plan:
    """What to do to one morning: fetch these, write these (without data they turn red with the reason), count."""

    day: date
    asked: Sequence[str]
    """The tickers that the answer is about."""
    fetch: Sequence[str] = ()
    write: Sequence[str] = ()
    refetch: bool = False
    rewrite: Collection[str] = ()
    """Those of `write` for which no kept answer will do."""
    source: str = "manual"
    kind: str = "manual"
    """First part of the execution's name."""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class MorningOutcome:
    """What became of a plan."""

    report: "MorningReport"
    stages: list["StageResult"]
    seconds: float
    code: Exit
    execution_name: str
    triggered_at: str
    paid_usd: str | None

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        from stocks_pipeline.cli.foreground import DayResult
        from stocks_pipeline.cli.run import stages_of

        return {
            **self.report.to_dict(),
            "paid_usd": self.paid_usd,
            "seconds": round(self.seconds, 1),
            "stages": stages_of(DayResult(date.fromisoformat(self.report.date), self.stages)),
            "exit": self.code.name.lower(),
        }

    def timing(self) -> str:
        """The seconds in all, and of each stage."""
        spans: Counter[str] = Counter()
        for stage in self.stages:
            spans[stage.stage] += stage.seconds  # type: ignore[assignment]  # a Counter adds up floats as well
        return f"{self.seconds:.1f}  ({', '.join(f'{name} {took:.1f}' for name, took in spans.items())})"


def run_morning(found: "Settings", ask: "MorningAsk", *, as_json: bool, triggered_by: str) -> Exit:
    """Fetch, write, count; print what it came to."""
    outcome = morning_outcome(found, ask, quiet=as_json, triggered_by=triggered_by)
    tell(found, outcome, as_json=as_json)
    return outcome.code


def morning_outcome(found: "Settings", ask: "MorningAsk", *, quiet: bool, triggered_by: str) -> MorningOutcome:
    """Fetch, write, count."""
    asked = mornings.choose(mornings.followed(found), ask)
    write = asked if ask.reports else []
    if write:
        require_key(found)
    plan = Plan(ask.day, asked, asked, write, ask.refetch, write if ask.rewrite else (), tags=ask.tags())
    announce(found, "yahoo", found.yahoo_rate)
    if write:
        announce(found, "model", found.llm.concurrency)
    with open_instance(found) as instance:
        return carry_out(found, instance, plan, quiet=quiet, triggered_by=triggered_by)


def require_key(found: "Settings") -> None:
    """End the command, before anything is fetched, where the reports could not be written for want of a key."""
    from stocks_pipeline.defs.paid_resources import llm_key

    try:
        llm_key(found)
    except SettingError as error:
        fail(f"{error}. Nothing was fetched; data alone need none: stocks run dr --no-reports", Exit.USAGE)


def carry_out(
    found: "Settings", instance: "dg.DagsterInstance", plan: Plan, *, quiet: bool, triggered_by: str
) -> MorningOutcome:
    """Run the plan and count what came of it; a failure or Ctrl-C is an outcome, not an exception."""
    from stocks_pipeline.cli.morning_report import morning_report, spent
    from stocks_pipeline.cli.run import usable_lake
    from stocks_pipeline.clock import SystemClock
    from stocks_pipeline.defs.dr.job_book import execution_id

    clock, lake = SystemClock(), usable_lake(found)
    began, started = clock.now(), clock.monotonic()
    name = f"{plan.kind}-{began:%Y%m%d-%H%M%S}"
    stages: list[StageResult] = []
    runs: list[str] = []
    whole = False
    expect = {"ticker_data": len(plan.fetch)} if plan.fetch else {}
    with (
        suppress(KeyboardInterrupt),
        mornings.morning_desk(instance, triggered_by, quiet=quiet, expect=expect) as desk,
    ):
        runs = desk.stages.begun
        _stages(desk, plan, lake, name, stages)
        whole = True
    report = morning_report(instance, lake, plan.day, plan.asked)
    listed = sum(ticker.active for ticker in mornings.followed(found))
    report.listed, report.data_only = listed if len(plan.asked) < listed else None, not plan.write
    paid = spent(lake, began.date(), clock.now().date(), {execution_id(name, run) for run in runs})
    code = exit_code(plan, stages, report) if whole else Exit.INTERRUPTED
    at = began.isoformat(timespec="seconds")
    return MorningOutcome(report, stages, clock.monotonic() - started, code, name, at, paid)


def _stages(desk: "MorningDesk", plan: Plan, lake: "Lake", name: str, stages: list["StageResult"]) -> None:
    """The stages one after the other, each added to `stages` when it ended."""
    tags = {"source": plan.source, "execution_name": name, **plan.tags}
    if plan.fetch:
        stages += desk.fetch(plan.day, plan.fetch, refetch=plan.refetch, tags=tags)
    if ready := len(mornings.with_data(lake, plan.day, plan.write)):  # else nobody would be written: nothing to run
        desk.expect("ticker_reports", ready)
        kept = [name for name in plan.write if name not in plan.rewrite]
        for names, rewrite in ((kept, False), (plan.rewrite, True)):
            stages += desk.write(plan.day, list(names), rewrite=rewrite, tags=tags)
    if plan.write:
        stages.append(desk.sum_up(plan.day, plan.asked))


def exit_code(plan: Plan, stages: Sequence["StageResult"], report: "MorningReport") -> Exit:
    """Failure when nothing of what was asked is there, partial where something is missing, else well; a list of nobody
    asks for nothing.
    """
    there = report.written if plan.write else report.data_stored
    if plan.asked and not there:
        return Exit.FAILURE
    return Exit.OK if there == report.tickers and all(stage.success for stage in stages) else Exit.PARTIAL


def tell(found: "Settings", outcome: MorningOutcome, *, as_json: bool, steps: bool = True) -> None:
    """Print the answer: failures on standard error, then one document or the table."""
    from stocks_pipeline.cli.foreground import DayResult
    from stocks_pipeline.cli.run import print_failures
    from stocks_pipeline.cli.show_morning import print_morning, print_steps

    report = outcome.report
    print_failures(found, DayResult(date.fromisoformat(report.date), outcome.stages))
    if outcome.code is Exit.INTERRUPTED:
        complain(
            f"interrupted. {counted(report.data_stored, 'data file')} and {counted(report.written, 'report')} of "
            f"{report.date} are stored and stay; run the same command to continue"
        )
    if as_json:
        print_json(outcome.to_dict())
    elif outcome.code is not Exit.INTERRUPTED:
        print_morning(report, paid=outcome.paid_usd, seconds=outcome.timing(), played=found.upstream == "sandbox")
        if steps:
            print_steps(report, example(report))


def example(report: "MorningReport") -> str | None:
    """A ticker whose report can be read."""
    written = [s.ticker for s in report.standings if s.state == "written"]
    return "NVDA19" if "NVDA19" in written else next(iter(written), None)
