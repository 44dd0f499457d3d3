"""What a day came to, counted from the instance and the lake: for the table that `run`, `demo` and `status` print.

What belongs here: facts about a stored day, and what to do about them. What does not: printing them.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from stocks_pipeline.wording import counted

if TYPE_CHECKING:
    import dagster as dg

    from stocks_pipeline.defs.batch_file import BatchState
    from stocks_pipeline.defs.market import Market
    from stocks_pipeline.domain.symbols import BatchPlan, SymbolBatch
    from stocks_pipeline.storage.lake import Lake


@dataclass
class DayReport:
    """One day of one market. Counts that nothing is known about are None, never 0."""

    market: str
    date: str
    companies: int | None = None
    planned_symbols: int | None = None
    batches: int | None = None
    batches_stored: int | None = None
    batches_failed: list[int] = field(default_factory=list)
    """Red in Dagster. A red batch may have a file: what came before it failed is kept."""
    batches_missing: list[int] = field(default_factory=list)
    """Without a file in the lake."""
    batches_running: list[int] = field(default_factory=list)
    batches_pending: list[int] = field(default_factory=list)
    """Stored, and another call may bring more of their symbols."""
    rows: int | None = None
    symbols_with_session: int | None = None
    complete: bool | None = None
    symbols_ok: int = 0
    symbols_without_bars: int = 0
    symbols_failed: dict[str, int] = field(default_factory=dict)
    batches_lacking: list[int] = field(default_factory=list)
    """Holding symbols that were answered without the session's bar."""
    symbols_pending: int = 0
    symbols_lacking: int = 0
    symbols_provisional: int = 0
    """Fetched before the close had settled: their bars may have changed since."""
    failed_examples: list[dict[str, Any]] = field(default_factory=list)
    checks_failed: list[str] = field(default_factory=list)
    lookbacks: dict[int, int] = field(default_factory=dict)
    """Calendar days before the session that each stored batch holds."""
    lake: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {**asdict(self), "whole": self.whole}

    @property
    def whole(self) -> bool:
        """Nothing of what was planned is left to fetch or to merge, and every bar is final."""
        lacking = self.batches_failed or self.batches_missing or self.batches_running or self.symbols_provisional
        return bool(self.complete) and not lacking

    def headline(self) -> str:
        """One sentence: is the day whole, and if not, what is wrong with it."""
        name = f"{self.market.upper()} {self.date}"
        if self.planned_symbols is None:
            stored = "nothing is stored" if self.companies is None else "listed, not split into batches"
            return f"{name} is not there: {stored}."
        part = ""
        if self.companies and self.planned_symbols < self.companies:
            part = f" for the {self.planned_symbols:,} of {self.companies:,} companies that were asked for"
        if self.whole:
            checks = f"; checks failed: {', '.join(self.checks_failed)}" if self.checks_failed else ""
            bars = counted(self.symbols_with_session or 0, "bar")
            return f"{name} is whole{part}: {counted(self.batches or 0, 'batch')}, {bars}{checks}."
        return f"{name} is not whole{part}: {'; '.join(self._lacks()) or 'not merged yet'}."

    def _lacks(self) -> list[str]:
        red, gone = self.batches_failed, [n for n in self.batches_missing if n not in self.batches_failed]
        all_ = counted(self.batches or 0, "batch")
        pending = counted(self.symbols_pending, "symbol")
        unsettled = (
            f"{counted(self.symbols_provisional, 'symbol')} {'was' if self.symbols_provisional == 1 else 'were'}"
        )
        return [
            text
            for text, wrong in (
                (f"{len(red)} of {all_} failed ({_numbers(red)})", red),
                (f"{len(gone)} of {all_} missing ({_numbers(gone)})", gone),
                (f"{len(self.batches_running)} of {all_} running", self.batches_running),
                (f"{pending} can still be had", self.symbols_pending and not (red or gone)),
                (f"{unsettled} fetched before the close had settled", self.symbols_provisional),
                ("not merged", self.symbols_with_session is None),
            )
            if wrong
        ]

    def next_steps(self) -> list[tuple[str, str]]:
        """What to do about it: a reason and a command."""
        run, retry = f"stocks run {self.market} --date {self.date}", f"stocks retry {self.market}/raw_prices"
        if self.planned_symbols is None:
            return [("fetch the day", run)]
        steps = []
        if self.batches_running:
            steps.append(("wait, then look again", f"stocks status --date {self.date}"))
        elif self.batches_failed or self.batches_missing:
            steps.append(("fetch what failed or is missing", f"{retry} --date {self.date}"))
        elif self.batches_pending or (self.batches_lacking and "sessions_present" in self.checks_failed):
            steps.append(("ask again for symbols that may come", f"{retry} --date {self.date} --pending"))
        elif self.symbols_provisional:
            steps.append(("fetch the bars again, 20 minutes after the close", run))
        elif self.symbols_with_session is None or not self.complete:
            steps.append(("merge the day", run))
        if self.checks_failed:
            steps.append(("see why checks failed: asset daily_prices, tab Checks", "stocks dev"))
        return steps


def day_report(instance: "dg.DagsterInstance", market: "Market", lake: "Lake", day: date) -> DayReport:
    """Count what is stored of the day."""
    from stocks_pipeline.defs.day import COMPLETE
    from stocks_pipeline.defs.listing import stored_plan
    from stocks_pipeline.domain.symbols import companies_from_csv
    from stocks_pipeline.storage import layout
    from stocks_pipeline.storage.tables import read_metadata, read_row_count

    report = DayReport(market.name, day.isoformat(), lake=lake.root)
    if lake.exists(key := layout.symbols_key(market.name, day)):
        report.companies = len(companies_from_csv(lake.read(key)))
    plan = stored_plan(lake, market.name, day)
    if plan is None:
        return report
    _from_batches(report, lake, market.name, day, plan)
    if lake.exists(key := layout.daily_key(market.name, day)):
        report.symbols_with_session = read_row_count(lake, key)
        report.complete = read_metadata(lake, key).get(COMPLETE) == "true"
    _from_instance(report, instance, market, day)
    return report


def _from_batches(report: DayReport, lake: "Lake", market: str, day: date, plan: "BatchPlan") -> None:
    """Add what the day's batch files hold."""
    from stocks_pipeline.defs.batch_file import load_batch
    from stocks_pipeline.storage import layout

    report.planned_symbols, report.batches = len(plan.symbols), len(plan.batches)
    report.batches_stored = report.rows = 0
    failed: Counter[str] = Counter()
    for batch in plan.batches:
        state = load_batch(lake, layout.raw_key(market, day, batch.batch_number), set(batch.symbols))
        if state is None:
            failed["of missing batches"] += len(batch.symbols)
            report.symbols_pending += len(batch.symbols)
            report.batches_missing.append(batch.batch_number)
        else:
            report.batches_stored += 1
            report.rows += state.table.num_rows
            failed.update(_from_batch(report, batch, state))
    report.symbols_failed = {kind: n for kind, n in failed.most_common() if n}


def _from_batch(report: DayReport, batch: "SymbolBatch", state: "BatchState") -> Mapping[str, int]:
    """Add one stored batch; its failures by class."""
    from stocks_pipeline.defs.day import pending

    outcomes = state.ordered
    bad = [o for o in outcomes if o.status == "failed"]
    waiting = len(pending(bad)) + (unasked := len(batch.symbols) - len(outcomes))
    report.symbols_ok += sum(o.status == "ok" for o in outcomes)
    report.symbols_without_bars += sum(o.status == "no_bars" for o in outcomes)
    report.symbols_pending += waiting
    report.symbols_provisional += len(state.unsettled)
    report.batches_pending += [batch.batch_number] if waiting else []
    if lacking := state.lacking(date.fromisoformat(report.date)):
        report.symbols_lacking += len(lacking)
        report.batches_lacking.append(batch.batch_number)
    report.lookbacks[batch.batch_number] = state.lookback_days
    report.failed_examples += [{"symbol": o.symbol, "class": o.kind, "why": o.message} for o in bad]
    return Counter(o.kind or "" for o in bad) + Counter({"not asked yet": unasked})


def _from_instance(report: DayReport, instance: "dg.DagsterInstance", market: "Market", day: date) -> None:
    """Add what only Dagster knows: red batches and failed checks of the day's table."""
    import dagster as dg

    from stocks_pipeline.partitions import batch_key

    keys = {batch_key(day, n): n for n in range(report.batches or 0)}
    status = instance.get_status_by_partition(market.key("raw_prices"), list(keys), market.session_batches) or {}
    named = {n: s.name for key, n in keys.items() if (s := status.get(key))}
    report.batches_failed = [n for n, name in named.items() if name == "FAILED"]
    report.batches_running = [n for n, name in named.items() if name == "IN_PROGRESS"]
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=market.key("daily_prices"), asset_partitions=[day.isoformat()]),
        limit=1,
    ).records
    if records:
        report.checks_failed = sorted(
            event.asset_check_evaluation_data.check_name
            for entry in instance.all_logs(records[0].run_id)
            if (event := entry.dagster_event) and event.event_type_value == "ASSET_CHECK_EVALUATION"
            if not event.asset_check_evaluation_data.passed
        )


def _numbers(batches: list[int]) -> str:
    return ", ".join(map(str, batches[:8])) + (", …" if len(batches) > 8 else "")  # noqa: PLR2004 - a line's worth
