"""What a day came to, counted from the instance and the lake: for the table that `run`, `demo` and `status` print.

What belongs here: facts about a stored day. What does not: printing them.
"""

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import dagster as dg

    from stocks_pipeline.defs.market import Market
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
    rows: int | None = None
    symbols_with_session: int | None = None
    complete: bool | None = None
    symbols_ok: int = 0
    symbols_without_bars: int = 0
    symbols_failed: dict[str, int] = field(default_factory=dict)
    failed_examples: list[dict[str, Any]] = field(default_factory=list)
    checks_failed: list[str] = field(default_factory=list)
    lake: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def day_report(instance: "dg.DagsterInstance", market: "Market", lake: "Lake", day: date) -> DayReport:
    """Count what is stored of the day."""
    from stocks_pipeline.defs.batch_file import load_batch
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
    report.planned_symbols, report.batches = len(plan.symbols), len(plan.batches)
    report.batches_stored = report.rows = 0
    failed: Counter[str] = Counter()
    for batch in plan.batches:
        state = load_batch(lake, layout.raw_key(market.name, day, batch.batch_number), set(batch.symbols))
        if state is None:
            failed["batch missing"] += len(batch.symbols)
            continue
        report.batches_stored += 1
        report.rows += state.table.num_rows
        report.symbols_ok += sum(o.status == "ok" for o in state.ordered)
        report.symbols_without_bars += sum(o.status == "no_bars" for o in state.ordered)
        bad = [o for o in state.ordered if o.status == "failed"]
        failed.update(o.kind or "" for o in bad)
        failed["not asked yet"] += len(batch.symbols) - len(state.outcomes)
        report.failed_examples += [{"symbol": o.symbol, "class": o.kind, "why": o.message} for o in bad]
    report.symbols_failed = {kind: n for kind, n in failed.most_common() if n}
    if lake.exists(key := layout.daily_key(market.name, day)):
        report.symbols_with_session = read_row_count(lake, key)
        report.complete = read_metadata(lake, key).get("stocks.complete") == "true"
    _from_instance(report, instance, market, day)
    return report


def _from_instance(report: DayReport, instance: "dg.DagsterInstance", market: "Market", day: date) -> None:
    """Add what only Dagster knows: red batches and failed checks of the day's table."""
    import dagster as dg

    from stocks_pipeline.partitions import batch_key

    keys = {batch_key(day, n): n for n in range(report.batches or 0)}
    status = instance.get_status_by_partition(market.key("raw_prices"), list(keys), market.session_batches) or {}
    report.batches_failed = [n for key, n in keys.items() if (s := status.get(key)) and s.name == "FAILED"]
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
