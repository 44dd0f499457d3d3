"""The second and third stage of a market: prices batch by batch, and the day as one table.

What belongs here: the assets `raw_prices` and `daily_prices`. What does not: what the UI shows of them
(price_metadata.py), fetching one batch (fetching.py), merging (domain/prices.py), and the recipe of exact partial
success (fanout.py).
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from stocks_pipeline import __version__
from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.checks import CHECKS, compared, findings, partition_checks
from stocks_pipeline.defs.config import PricesConfig
from stocks_pipeline.defs.day import merge_day, previous_day, stored_day
from stocks_pipeline.defs.evidence import check_result, failure, lake_failure
from stocks_pipeline.defs.listing import stored_plan
from stocks_pipeline.defs.market import Market
from stocks_pipeline.defs.price_metadata import batch_metadata, day_metadata
from stocks_pipeline.defs.resources import LakeResource, YahooResource
from stocks_pipeline.defs.selection import SelectionError, choose
from stocks_pipeline.domain.symbols import BatchPlan
from stocks_pipeline.fanout import FanOutEvent, Made, fan_out, fan_out_asset
from stocks_pipeline.partitions import parse_batch_key
from stocks_pipeline.settings import Settings
from stocks_pipeline.storage.lake import Lake, LakeError
from stocks_pipeline.upstream.failures import UpstreamError

if TYPE_CHECKING:
    from stocks_pipeline.defs.fetching import BatchFetch, BatchReport, PriceFeed


def price_assets(market: Market) -> list[dg.AssetsDefinition]:
    """`raw_prices` and `daily_prices` of one market."""
    return [_raw_prices(market), _daily_prices(market)]


def _raw_prices(market: Market) -> dg.AssetsDefinition:
    @fan_out_asset(
        market.key("raw_prices"),
        partitions_def=market.session_batches,
        checks=CHECKS,
        deps=[market.key("symbol_batches")],
        group_name=market.name,
        kinds={"yahoo", "parquet"},
        owners=list(market.owners),
        code_version=__version__,
    )
    def raw_prices(
        context: dg.AssetExecutionContext,
        config: PricesConfig,
        lake: LakeResource,
        yahoo: dg.ResourceParam[YahooResource],
        clock: dg.ResourceParam[Clock],
    ) -> Iterator[FanOutEvent]:
        """Daily bars of one batch of symbols, for the window of sessions that ends on the partition's day."""
        stop = threading.Event()
        with yahoo.open(lambda _symbol: market.timezone) as feed:
            work = DayWork(market, config, lake.open(), feed, clock, stop)
            keys = work.planned(context)
            yield from fan_out(
                context,
                work.make,
                reuse=None if config.refetch else work.reuse,
                keys=keys,
                max_workers=Settings.load().batch_concurrency,
                stop=stop,
                describe_failure=lake_failure,
            )

    return raw_prices


def _daily_prices(market: Market) -> dg.AssetsDefinition:
    @dg.asset(
        key=market.key("daily_prices"),
        deps=[market.key("raw_prices")],
        partitions_def=market.sessions,
        group_name=market.name,
        kinds={"parquet"},
        owners=list(market.owners),
        code_version=__version__,
        freshness_policy=market.freshness,
        check_specs=[
            dg.AssetCheckSpec("day_complete", asset=market.key("daily_prices"), description="Whole, all bars final."),
            *(dg.AssetCheckSpec(n, asset=market.key("daily_prices"), description=t) for n, t in CHECKS.items()),
        ],
    )
    def daily_prices(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster refuses the subscripted form
        """The session as one table: the batches that are there, merged in numeric order, one row a symbol."""
        day = date.fromisoformat(context.partition_key)
        store = lake.open()
        try:
            merged = merge_day(store, market.name, day)
        except UpstreamError as error:
            raise failure(error, f"Nothing to merge for {day}") from error
        known = market.calendar()
        earlier = previous_day(store, market.name, day, known)
        previous = stored_day(store, market.name, earlier) if earlier else None
        found = compared(findings(merged.table, merged.outcomes, day, known, previous=previous), earlier)
        return dg.MaterializeResult(
            data_version=dg.DataVersion(merged.stored.data_version),
            metadata=day_metadata(merged),
            check_results=[
                check_result(merged.completeness(), "day_complete"),
                *(check_result(f, name) for name, f in found.items()),
            ],
        )

    return daily_prices


@dataclass(frozen=True)
class DayWork:
    """The work behind the partitions of one `raw_prices` run. Its methods run in the fan-out's threads."""

    market: Market
    config: PricesConfig
    lake: Lake
    feed: "PriceFeed"
    clock: Clock
    stop: threading.Event
    _plans: dict[date, BatchPlan] = field(default_factory=dict)

    def planned(self, context: dg.AssetExecutionContext) -> list[str]:
        """The run's keys that the days' splits know and the selection touches.

        A range over several days is a product, so it may name batches that a shorter day never had.

        Raises:
            dagster.Failure: a closed day, a day that was never split, a symbol it does not hold, or no batch left.
        """
        keys = []
        for key in context.partition_keys:
            day, batch = parse_batch_key(key)
            if day not in self._plans:
                self.market.require_session(day, context.log.warning)
                self._plans[day] = self._plan(day)
            if self.config.batches and batch not in self.config.batches:
                continue
            plan = self._plans[day]
            chosen = self._chosen(plan)
            if batch < len(plan.batches) and chosen & set(plan.batches[batch].symbols):
                keys.append(key)
        if not keys:
            sizes = ", ".join(f"{d}: {len(p.batches)}" for d, p in self._plans.items())
            raise dg.Failure(
                f"None of the run's batches exists or holds a chosen symbol; batches by day: {sizes}.",
                allow_retries=False,
            )
        return keys

    def make(self, key: str) -> Made:
        """Fetch the batch and store it."""
        day, batch = parse_batch_key(key)
        try:
            return self._made(day, self._fetcher(day).fetch(batch))
        except LakeError:
            self.stop.set()  # what cannot be stored need not be fetched: every further batch would ask for nothing
            raise

    def reuse(self, key: str) -> Made | None:
        """The stored batch, if it answers for all that the run asks of it."""
        day, batch = parse_batch_key(key)
        report = self._fetcher(day).stored(batch)
        return None if report is None else self._made(day, report)

    def _plan(self, day: date) -> BatchPlan:
        plan = stored_plan(self.lake, self.market.name, day)
        if plan is None:
            raise dg.Failure(
                f"{day} was never split into batches. Materialize {self.market.name}/symbol_batches for it first, "
                f"or run: stocks run {self.market.name} --date {day}",
                allow_retries=False,
            )
        return plan

    def _chosen(self, plan: BatchPlan) -> frozenset[str]:
        """The day's symbols that the run is about."""
        try:
            return frozenset(choose(plan.symbols, self.config.limit, self.config.symbols))
        except SelectionError as error:
            raise dg.Failure(str(error), allow_retries=False) from error

    def _fetcher(self, day: date) -> "BatchFetch":
        from stocks_pipeline.defs.fetching import BatchFetch

        plan = self._plans[day]
        return BatchFetch(
            market=self.market.name,
            suffix=self.market.suffix,
            day=day,
            plan=plan,
            chosen=self._chosen(plan),
            lookback_days=self.config.lookback_days,
            refetch=self.config.refetch,
            lake=self.lake,
            feed=self.feed,
            clock=self.clock,
            calendar=self.market.calendar(),
            stop=self.stop,
            lacking=self.config.lacking,
        )

    def _made(self, day: date, report: "BatchReport") -> Made:
        state = report.state
        lookback = state.lookback_days
        found = findings(state.table, state.ordered, day, self.market.calendar(), lookback_days=lookback)
        return Made(
            metadata=batch_metadata(day, report),
            data_version=report.stored.data_version,
            checks=partition_checks(found),
            reused_from=None if report.asked else report.stored.key,
        )
