"""`stocks run`: a day of one market in the foreground, with progress and a table at the end.

What belongs here: from arguments to run configs, progress, and the exit code. What does not: the stages
(foreground.py) and the counting (day_report.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from stocks_pipeline.cli.cooling import announce
from stocks_pipeline.cli.desk import lake_of, open_instance
from stocks_pipeline.cli.output import Exit, complain, print_json, print_next, say
from stocks_pipeline.cli.progress import watching
from stocks_pipeline.wording import counted

if TYPE_CHECKING:
    import dagster as dg

    from stocks_pipeline.cli.day_report import DayReport
    from stocks_pipeline.cli.foreground import DayResult, Foreground
    from stocks_pipeline.defs.market import Market
    from stocks_pipeline.settings import Settings
    from stocks_pipeline.storage.lake import Lake

START_SANDBOX = ("start the sandbox in another terminal, then run this again", "stocks sandbox")


@dataclass(frozen=True)
class Ask:
    """What a person asked of one day."""

    day: date
    limit: int | None = None
    symbols: Sequence[str] = ()
    refetch: bool = False
    relist: bool = False
    repin: bool = False
    reuse_last_good: bool = False
    lookback_days: int | None = None

    def configs(self) -> dict[str, dict[str, Any]]:
        """The run configs of the stages; what was not asked keeps its default."""
        chosen = {"limit": self.limit, "symbols": list(self.symbols) or None}
        return {
            "listing": _given(refetch=self.relist, reuse_last_good=self.reuse_last_good),
            "batches": _given(**chosen, repin=self.repin),
            "prices": _given(**chosen, refetch=self.refetch, lookback_days=self.lookback_days),
        }


@dataclass(frozen=True)
class DayOutcome:
    """What became of a day; `done` is None after Ctrl-C."""

    report: "DayReport"
    done: "DayResult | None"
    seconds: float
    code: Exit

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        stages = stages_of(self.done) if self.done else []
        ended = {"seconds": round(self.seconds, 1), "stages": stages, "exit": self.code.name.lower()}
        return {**self.report.to_dict(), **ended}


def run_day(found: "Settings", market: "Market", ask: Ask, *, as_json: bool, triggered_by: str) -> Exit:
    """Run the day, print what it came to, and say how it ended."""
    outcome = day_outcome(found, market, ask, quiet=as_json, triggered_by=triggered_by)
    tell_day(found, outcome, as_json=as_json)
    return outcome.code


def day_outcome(found: "Settings", market: "Market", ask: Ask, *, quiet: bool, triggered_by: str) -> DayOutcome:
    """Run the day and count what it came to; a failure or Ctrl-C is an outcome, not an exception."""
    from stocks_pipeline.cli.day_report import day_report
    from stocks_pipeline.clock import SystemClock

    clock = SystemClock()
    with open_instance(found) as instance:
        lake = usable_lake(found)
        check_symbols(lake, market, ask)
        announce(found, "yahoo", found.yahoo_rate)
        started = clock.monotonic()
        done: DayResult | None = None
        with suppress(KeyboardInterrupt), foreground(instance, market, triggered_by, quiet=quiet) as desk:
            done = desk.day(ask.day, **ask.configs())
        seconds = clock.monotonic() - started
        if done and not done.stages[0].success:
            check_symbols(lake, market, ask)
        report = day_report(instance, market, lake, ask.day)
    return DayOutcome(report, done, seconds, exit_code(done, report) if done else Exit.INTERRUPTED)


def tell_day(found: "Settings", outcome: DayOutcome, *, as_json: bool, steps: bool = True) -> None:
    """Print the answer: failures on standard error, then one document or the table."""
    if outcome.done:
        print_failures(found, outcome.done)
    if as_json:
        print_json(outcome.to_dict())
    elif outcome.done:
        print_day(outcome.report, outcome.done, outcome.seconds, steps=_steps(found, outcome) if steps else [])
    else:
        print_interrupted(outcome.report)


@contextmanager
def foreground(
    instance: "dg.DagsterInstance",
    market: "Market",
    triggered_by: str,
    *,
    quiet: bool,
    expect: Mapping[str, int] | None = None,
) -> Iterator["Foreground"]:
    """What runs stages in this process, with a progress display for people; `expect`: partitions by asset."""
    from stocks_pipeline.cli.foreground import Foreground
    from stocks_pipeline.clock import SystemClock
    from stocks_pipeline.definitions import defs

    with watching(quiet=quiet) as watch:
        for name, total in (expect or {}).items():
            watch.expect(name, total)
        yield Foreground(instance, defs().get_repository_def(), market, SystemClock(), triggered_by, watch)


def usable_lake(found: "Settings") -> "Lake":
    """The desk's lake. Raises LakeError now rather than in the middle of a run."""
    lake = lake_of(found)
    lake.exists("symbols")
    return lake


def check_symbols(lake: "Lake", market: "Market", ask: Ask) -> None:
    """Refuse symbols that are not on the day's list, as soon as the list is there to compare with.

    Raises:
        SelectionError: a symbol that is not listed; names the nearest.
    """
    from stocks_pipeline.defs.selection import choose
    from stocks_pipeline.domain.symbols import companies_from_csv
    from stocks_pipeline.storage import layout

    key = layout.symbols_key(market.name, ask.day)
    if ask.symbols and not ask.relist and lake.exists(key):
        choose([c.code for c in companies_from_csv(lake.read(key))], ask.limit, ask.symbols)


def stages_of(done: "DayResult") -> list[dict[str, Any]]:
    """The stages for `--json`."""
    return [
        {
            "stage": s.stage,
            "run_id": s.run_id,
            "success": s.success,
            "seconds": round(s.seconds, 2),
            "message": one_line(s.message),
        }
        for s in done.stages
    ]


def exit_code(done: "DayResult", report: "DayReport") -> Exit:
    """Failure without a day's table, partial where something of it is missing, else well."""
    daily = done.stage("daily_prices")
    if daily is None or not daily.success:
        return Exit.FAILURE
    partial = not all(s.success for s in done.stages) or not report.complete or report.checks_failed
    return Exit.PARTIAL if partial else Exit.OK


def print_day(report: "DayReport", done: "DayResult", seconds: float, *, steps: Sequence[tuple[str, str]]) -> None:
    """The day in a sentence and a table, then what to do."""
    from stocks_pipeline.cli.status import print_report

    say(report.headline(), style="bold")
    print_report(report, f"{seconds:.1f}  ({', '.join(f'{s.stage} {s.seconds:.1f}' for s in done.stages)})")
    if steps:
        print_next(steps, title="What to do")


def print_interrupted(report: "DayReport") -> None:
    """What Ctrl-C left, and that the same command goes on from there."""
    answered = report.symbols_ok + report.symbols_without_bars
    kept = f"{answered:,} of {counted(report.planned_symbols, 'symbol')}" if report.planned_symbols else "no symbol"
    complain(f"interrupted. {kept} of {report.date} are stored and stay; run the same command to continue")


def print_failures(found: "Settings", done: "DayResult") -> None:
    """One line a failed stage, on standard error, and the most likely cause on a newcomer's desk."""
    bad = [stage for stage in done.stages if not stage.success]
    for stage in bad:
        complain(f"{stage.stage} failed: {one_line(stage.message)}")
    if sandbox_missing(found, done):
        complain(f"no sandbox answers at {found.sandbox_url} (STOCKS_SANDBOX_URL); start it with: stocks sandbox")


def sandbox_missing(found: "Settings", done: "DayResult") -> bool:
    """Whether something failed because there is no sandbox: then the same command again would fail as well."""
    from stocks_pipeline.cli.sandbox_process import healthy

    if found.upstream != "sandbox" or all(stage.success for stage in done.stages) or _list_to_mend(done):
        return False
    return not healthy(found.sandbox_url)


def _list_to_mend(done: "DayResult") -> bool:
    """Whether a person must mend the strategy files first."""
    return any(not stage.success and "STOCKS_STRATEGIES" in stage.message for stage in done.stages)


def _steps(found: "Settings", outcome: DayOutcome) -> Sequence[tuple[str, str]]:
    """What to do about the day; not only the same again where that fails again."""
    if outcome.done and _list_to_mend(outcome.done):
        mend = f"correct the files in {found.strategies}, or set STOCKS_STRATEGIES; then"
        return [(mend, f"stocks run {outcome.report.market} --date {outcome.report.date}")]
    return [START_SANDBOX] if outcome.done and sandbox_missing(found, outcome.done) else outcome.report.next_steps()


def one_line(text: str) -> str:
    """The text on one line."""
    return " ".join(text.split())


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None and value is not False}
