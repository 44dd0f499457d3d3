"""One market on a tmp lake, canned vendors and an in-memory Dagster instance; stages run by their own jobs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from stocks_pipeline.defs.chain import batch_range_tags
from stocks_pipeline.defs.market import Market, market_definitions
from stocks_pipeline.defs.operations import operations_definitions
from stocks_pipeline.defs.resources import LakeResource
from stocks_pipeline.domain.symbols import BatchPlan
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake, open_lake
from stocks_pipeline_tests.fake_feed import CannedFeed, CannedListing
from stocks_pipeline_tests.fakes import FakeClock

DAY = date(2025, 12, 5)
EVENING = datetime(2025, 12, 5, 8, tzinfo=UTC)
MARKET = Market(
    name="asx",
    title="ASX",
    mic="XASX",
    suffix=".AX",
    listing="asx_listing",
    daily_at="30 17 * * 1-5",
    batch_size=3,
    listing_floor=0,
)
"""The ASX in small: batches of three, and an empty first list is believed."""


@dataclass
class MarketDesk:
    """Runs stages and reads back what Dagster and the lake recorded."""

    root: Path
    instance: dg.DagsterInstance
    market: Market = MARKET
    feed: CannedFeed = field(default_factory=CannedFeed)
    listing: CannedListing = field(default_factory=CannedListing)
    clock: FakeClock = field(default_factory=lambda: FakeClock(EVENING.timestamp()))

    def __post_init__(self) -> None:
        resources = {
            "lake": LakeResource(root=str(self.root)),
            "yahoo": self.feed,
            self.market.listing: self.listing,
            "clock": self.clock,
        }
        self.defs = dg.Definitions.merge(
            market_definitions(self.market),
            operations_definitions([self.market]),
            dg.Definitions(resources=resources, executor=dg.in_process_executor),
        )
        self.repository = self.defs.get_repository_def()

    @property
    def lake(self) -> Lake:
        return open_lake(str(self.root))

    def plan(self, day: date = DAY) -> BatchPlan:
        """The day's pinned split."""
        return BatchPlan.from_json(self.lake.read(layout.batches_key(self.market.name, day)))

    def run(
        self, stage: str, tags: Mapping[str, str], ops: Mapping[str, Mapping[str, Any]] | None = None
    ) -> dg.ExecuteInProcessResult:
        """One run of a stage's job; `ops` is run config by asset name. A failure is a result."""
        given = {f"{self.market.name}__{name}": {"config": dict(fields)} for name, fields in (ops or {}).items()}
        config = {"ops": given, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        job = self.repository.get_job(f"{self.market.name}_{stage}")
        return job.execute_in_process(instance=self.instance, tags=dict(tags), run_config=config, raise_on_error=False)

    def list(
        self,
        day: date = DAY,
        batches: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        **symbols: Any,
    ) -> dg.ExecuteInProcessResult:
        """Stage one. `symbols` and `batches` are the run config of the two assets."""
        asked = {"symbols": symbols, "symbol_batches": batches or {}}
        return self.run("listing", {"dagster/partition": day.isoformat(), **(tags or {})}, asked)

    def prices(
        self, day: date = DAY, numbers: range | None = None, tags: Mapping[str, str] | None = None, **config: Any
    ) -> dg.ExecuteInProcessResult:
        """Stage two, over the day's batches or those given."""
        wanted = range(len(self.plan(day).batches)) if numbers is None else numbers
        return self.run("prices", {**batch_range_tags(day, wanted), **(tags or {})}, {"raw_prices": config})

    def daily(self, day: date = DAY) -> dg.ExecuteInProcessResult:
        """Stage three."""
        return self.run("daily_prices", {"dagster/partition": day.isoformat()})

    def colours(self, day: date = DAY) -> dict[int, str | None]:
        """Batch number -> Dagster's status of its partition, as the UI shows it."""
        keys = {f"{day}|{b.batch_number}": b.batch_number for b in self.plan(day).batches}
        found = self.instance.get_status_by_partition(
            self.market.key("raw_prices"), list(keys), self.market.session_batches
        )
        assert found is not None
        return {number: found[key].value if found.get(key) else None for key, number in keys.items()}

    def metadata(self, asset: str, partition: str = str(DAY)) -> dict[str, Any]:
        """The metadata values of the partition's newest materialization."""
        wanted = dg.AssetRecordsFilter(asset_key=self.market.key(asset), asset_partitions=[partition])
        (record,) = self.instance.fetch_materializations(wanted, limit=1).records
        assert record.asset_materialization is not None
        return {name: entry.value for name, entry in record.asset_materialization.metadata.items()}


@contextmanager
def market_desk(root: Path, *symbols: str, market: Market = MARKET) -> Iterator[MarketDesk]:
    """A desk whose exchange lists these symbols, on an instance that lives for the length of the block."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield MarketDesk(root, instance, market, listing=CannedListing.of(*symbols))


def why(result: dg.ExecuteInProcessResult) -> str:
    """What the run's failed step said, on one line."""
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return " ".join(event.step_failure_data.error_display_string.split())


def failure_metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """The metadata of the failed step's Failure."""
    (event,) = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data.user_failure_data
    assert data is not None
    return {name: entry.value for name, entry in data.metadata.items()}


def checks(result: dg.ExecuteInProcessResult, partition: str | None = None) -> dict[str, dg.AssetCheckEvaluation]:
    """The run's check outcomes by name: those of one partition, or those of none in particular."""
    found = result.get_asset_check_evaluations()
    return {check.check_name: check for check in found if check.partition == partition}
