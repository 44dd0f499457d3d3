"""The mornings of the receipts as commands see them: which one is meant, which tickers, and their three stages.

What belongs here: `MorningAsk`, `MorningDesk` and the choice of a date and of tickers. What does not: counting what a
morning came to (morning_report.py), printing, and the stages themselves (defs/dr/).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from stocks_pipeline.cli.desk import day_named
from stocks_pipeline.cli.output import Exit, fail
from stocks_pipeline.domain.jobs import description_fault
from stocks_pipeline.domain.tickers import Ticker, TickerListError, UnknownTicker, packaged_tickers, parse_tickers
from stocks_pipeline.domain.tickers import resolve as resolve_ticker
from stocks_pipeline.storage import layout

if TYPE_CHECKING:
    import dagster as dg

    from stocks_pipeline.cli.foreground import StageResult, Stages
    from stocks_pipeline.clock import Clock
    from stocks_pipeline.settings import Settings
    from stocks_pipeline.storage.lake import Lake

GROUP = "dr"


@dataclass(frozen=True)
class Mornings:
    """What the stages of a morning belong to."""

    name: str = GROUP


@dataclass(frozen=True)
class MorningAsk:
    """What a person asked of one morning. Neither `limit` nor `names`: every active ticker."""

    day: date
    limit: int | None = None
    names: Sequence[str] = ()
    refetch: bool = False
    rewrite: bool = False
    reports: bool = True
    description: str | None = None
    """Why, in the words of whoever asks."""

    def tags(self) -> dict[str, str]:
        """What of it is to be found on its runs."""
        told = {"limit": self.limit, "description": self.description}
        return {name: str(value) for name, value in told.items() if value is not None}


def morning_named(text: str | None, clock: "Clock | None" = None) -> date:
    """The morning that `--date` means; without one, the newest whose 05:00 in Bangkok has come.

    One that has not come is refused: it must know what had closed by then, and a session may still be trading.
    """
    from stocks_pipeline.clock import SystemClock
    from stocks_pipeline.defs.dr.data import MORNING, cutoff
    from stocks_pipeline.partitions import BANGKOK, has_morning

    present = (clock or SystemClock()).now().astimezone(ZoneInfo(BANGKOK))
    if text is None:
        return newest_morning(present)
    day = day_named(text)
    if not has_morning(day):
        near = day - timedelta(days=1)
        fail(f"--date: {day} is a Sunday, so it has no morning; {near} is the one before it", Exit.USAGE)
    if present < cutoff(day):
        comes = f"{MORNING:%H:%M} in Bangkok, {cutoff(day).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        newest = f"the newest that has come is {newest_morning(present)}"
        fail(f"--date: the morning of {day} comes at {comes}; {newest}", Exit.USAGE)
    return day


def description_named(text: str | None) -> str | None:
    """What `--description` says; a usage error where it is no short line of plain text."""
    if text is not None and (wrong := description_fault(text)):
        fail(f"--description: {wrong}; valid: one line, such as 'after the vendor was down'", Exit.USAGE)
    return text


def newest_morning(present: datetime) -> date:
    """The newest morning whose 05:00 has come at `present`, a time in Bangkok."""
    from stocks_pipeline.defs.dr.data import cutoff
    from stocks_pipeline.partitions import has_morning

    day = present.date() if present >= cutoff(present.date()) else present.date() - timedelta(days=1)
    return day if has_morning(day) else day - timedelta(days=1)


def followed(found: "Settings") -> tuple[Ticker, ...]:
    """The list of tickers: the user's own or the packaged one.

    Raises:
        SettingError: the user's file cannot be read.
    """
    from stocks_pipeline.settings import SettingError

    if found.dr_tickers is None:
        return packaged_tickers()
    try:
        return parse_tickers(found.dr_tickers.read_bytes())
    except (OSError, TickerListError) as error:
        raise SettingError(f"STOCKS_DR_TICKERS: {found.dr_tickers}: {error}") from error


def resolve(tickers: Sequence[Ticker], name: str, field: str) -> Ticker:
    """The ticker of that name; a usage error about `field` lists the nearest."""
    try:
        return resolve_ticker(tickers, name)
    except UnknownTicker as error:
        begins = f"the list begins {', '.join(t.dr for t in tickers[:5])}" if tickers else "the list has no ticker"
        hint = "" if error.nearest else f"; {begins}"
        fail(f"{field}: {error}{hint}", Exit.USAGE)


def choose(tickers: Sequence[Ticker], ask: MorningAsk) -> list[str]:
    """The receipts asked for, in the list's order: those named or all active ones, then at most `limit`."""
    wanted = {resolve(tickers, name, "--tickers").dr for name in ask.names}
    chosen = [t.dr for t in tickers if (t.dr in wanted if wanted else t.active)]
    return chosen[: ask.limit]


def with_data(lake: "Lake", day: date, tickers: Sequence[str]) -> list[str]:
    """Those whose bars of the morning are stored."""
    return [name for name in tickers if lake.exists(layout.ticker_data_key(day, name))]


@dataclass(frozen=True)
class MorningDesk:
    """Runs the stages of mornings in this process. A stage is one run for each contiguous span of tickers."""

    stages: "Stages"
    expect: Callable[[str, int], None]
    """Says how many partitions an asset has, for the display."""

    def fetch(
        self, day: date, tickers: Sequence[str], *, refetch: bool, tags: Mapping[str, str]
    ) -> list["StageResult"]:
        """Store the list and a year of bars of these tickers."""
        return self._spread("fetch", "dr__ticker_data", day, tickers, {"refetch": refetch}, tags)

    def write(
        self, day: date, tickers: Sequence[str], *, rewrite: bool, tags: Mapping[str, str]
    ) -> list["StageResult"]:
        """Write the reports of these tickers. Those without bars turn red with the fetch's reason, at no cost."""
        return self._spread("reports", "dr__ticker_reports", day, tickers, {"rewrite": rewrite}, tags)

    def sum_up(self, day: date, asked: Sequence[str]) -> "StageResult":
        """Count the morning: these tickers, and who was asked for before."""
        config = {"ops": {"dr__precompute_summary": {"config": {"tickers": list(asked)}}}}
        return self.stages.stage("summary", {"dagster/partition": day.isoformat()}, config)

    def _spread(  # noqa: PLR0913, PLR0917 - what a run is made of
        self, stage: str, op: str, day: date, tickers: Sequence[str], more: Mapping[str, Any], tags: Mapping[str, str]
    ) -> list["StageResult"]:
        from stocks_pipeline.defs.dr.automation import DATA, REPORTS, add_active_tickers, morning_requests
        from stocks_pipeline.partitions import tickers as ticker_partitions

        instance = self.stages.instance
        add_active_tickers(instance)
        instance.add_dynamic_partitions(ticker_partitions().name or "", list(tickers))
        config = {"ops": {op: {"config": {"tickers": list(tickers), **more}}}}
        across = DATA if stage == "fetch" else REPORTS
        requests = morning_requests(instance, day, tickers, cause="", tags={}, across=across)
        plain = [{k: v for k, v in request.tags.items() if k.startswith("dagster/")} for request in requests]
        if stage == "fetch":
            self.expect("ticker_master", len(plain))  # each run stores the list
        return [self.stages.stage(stage, {**span, **tags}, config) for span in plain]


@contextmanager
def morning_desk(
    instance: "dg.DagsterInstance", triggered_by: str, *, quiet: bool, expect: Mapping[str, int]
) -> Iterator[MorningDesk]:
    """What runs the stages, with a progress display for people; `expect`: partitions by asset. Ends dead runs first."""
    from stocks_pipeline.cli.foreground import Stages
    from stocks_pipeline.cli.progress import watching
    from stocks_pipeline.clock import SystemClock
    from stocks_pipeline.definitions import defs
    from stocks_pipeline.defs.operations.dead_runs import reap

    reap(instance)
    with watching(quiet=quiet) as watch:
        for name, total in expect.items():
            watch.expect(name, total)
        repository = defs().get_repository_def()
        stages = Stages(instance, repository, Mornings(), SystemClock(), triggered_by, watch)
        yield MorningDesk(stages, watch.expect)
