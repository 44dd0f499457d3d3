"""A whole desk in a tmp folder, on the real clients and a sandbox of three batches, for tests of what goes wrong.

What belongs here: running days in this process as `stocks run` does, and reading back what Dagster, the lake and the
sandbox recorded. What does not: `stocks` as a process of its own (stocks_process.py) and any expectation.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stocks_pipeline.cli.foreground import DayResult, Foreground, StageResult
from stocks_pipeline.cli.run import Ask
from stocks_pipeline.clock import SystemClock
from stocks_pipeline.defs.asx import ASX
from stocks_pipeline.defs.batch_file import BatchState, load_batch
from stocks_pipeline.defs.chain import batch_range_tags, prices_config
from stocks_pipeline.domain.prices import SymbolOutcome
from stocks_pipeline.domain.symbols import BatchPlan, companies_to_csv, parse_asx_listing
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake, open_lake
from stocks_pipeline.storage.tables import DATA_VERSION, read_metadata, read_table
from stocks_pipeline.upstream import http
from stocks_pipeline_tests.sandbox_server import SandboxServer

DAY = date(2025, 12, 5)
BEFORE = date(2025, 12, 4)
COMPANIES = 200
"""Makes 219 listed companies, so two whole batches and a short one."""
SUSPENDED = "AKT"
"""The one company of this world without a bar in the window: trading was halted. It is in batch 0."""


@pytest.fixture(scope="session")
def world_process() -> Iterator[SandboxServer]:
    """One small world for the whole test session; take `world` unless you clean up yourself."""
    arguments = ("--today", str(DAY), "--seed", "1", "--companies", str(COMPANIES), "--unknown-share", "0")
    with SandboxServer(*arguments) as server:
        yield server


@pytest.fixture
def world(world_process: SandboxServer) -> Iterator[SandboxServer]:
    """A small world in its initial state: no fault, no latency, an empty log."""
    world_process.reset()
    yield world_process
    world_process.reset()


@pytest.fixture
def desk(world: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["FaultDesk"]:
    """A desk that never ran, on an instance that lives for the length of the test."""
    for name, value in desk_environment(tmp_path, world).items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        found = FaultDesk(tmp_path, world, instance)
        found.remember_list()
        yield found


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The production retry policy with every wait a tenth as long: classes, counts and budgets stay as they are."""
    quick = partial(http.RetryPolicy, base_s=0.05, cap_s=2.0, cool_down_s=0.5)
    monkeypatch.setattr(http, "RetryPolicy", quick)


def desk_environment(home: Path, world: SandboxServer, **more: str) -> dict[str, str]:
    """The settings of a desk in `home` whose upstreams are `world`."""
    return {
        "STOCKS_UPSTREAM": "sandbox",
        "STOCKS_SANDBOX_URL": world.url,
        "STOCKS_HOME": str(home),
        "DAGSTER_HOME": str(home / "dagster"),
        "STOCKS_LAKE": str(home / "lake"),
        "STOCKS_CONTROL_DB": str(home / "control.db"),
        "STOCKS_RETRY_BUDGET": "10",
        "STOCKS_REQUEST_TIMEOUT": "10",
    } | more


def remember_list(lake: Lake, world: SandboxServer, day: date = BEFORE) -> None:
    """Store the world's list as that of `day`, so that a list of 220 is believed: a first one must have a thousand."""
    status, _, body = world.get("/asx/research/ASXListedCompanies.csv", host="www.asx.com.au")
    assert status == 200
    lake.write(layout.symbols_key(ASX.name, day), companies_to_csv(parse_asx_listing(body).companies))
    world.reset()


@cache
def _repository() -> Any:
    from stocks_pipeline.definitions import defs

    return defs().get_repository_def()


@dataclass(frozen=True)
class FaultDesk:
    """Runs days and reads them back."""

    home: Path
    world: SandboxServer
    instance: dg.DagsterInstance

    @property
    def lake(self) -> Lake:
        return open_lake(str(self.home / "lake"))

    def remember_list(self, day: date = BEFORE) -> None:
        """Store the world's list as that of `day`, and forget that it was asked for."""
        remember_list(self.lake, self.world, day)

    @property
    def foreground(self) -> Foreground:
        return Foreground(self.instance, _repository(), ASX, SystemClock(), "a test", lambda _: None)

    def run(self, day: date = DAY, **asked: Any) -> DayResult:
        """A day as `stocks run` makes it; `asked` are the fields of Ask."""
        return self.foreground.day(day, **Ask(day, **asked).configs())

    def split(self, day: date = DAY) -> BatchPlan:
        """Only the first stage: the day's list and its split."""
        asked = Ask(day).configs()
        config = {"asx__symbols": {"config": asked["listing"]}, "asx__symbol_batches": {"config": asked["batches"]}}
        done = self.foreground.stage("listing", {"dagster/partition": day.isoformat()}, {"ops": config})
        assert done.success, done.message
        return self.plan(day)

    def prices(self, batches: Iterable[int], day: date = DAY) -> StageResult:
        """The stage of `stocks retry`: only these batches."""
        numbers = list(batches)
        return self.foreground.stage("prices", batch_range_tags(day, numbers), prices_config(ASX.name, batches=numbers))

    def plan(self, day: date = DAY) -> BatchPlan:
        return plan_of(self.lake, day)

    def vendor_symbols(self, batch: int) -> list[str]:
        """The batch's symbols as Yahoo knows them."""
        return [f"{symbol}{ASX.suffix}" for symbol in self.plan().batches[batch].symbols]

    def batch(self, number: int, day: date = DAY) -> BatchState:
        """What is stored of a batch."""
        members = set(self.plan(day).batches[number].symbols)
        state = load_batch(self.lake, layout.raw_key(ASX.name, day, number), members)
        assert state is not None, f"batch {number} is not stored"
        return state

    def outcomes(self, day: date = DAY) -> dict[str, SymbolOutcome]:
        """Every symbol's outcome, over the batches of the day."""
        return {s: o for n in range(len(self.plan(day).batches)) for s, o in self.batch(n, day).outcomes.items()}

    def daily(self, day: date = DAY) -> Any:
        """The day's table."""
        return read_table(self.lake, layout.daily_key(ASX.name, day))

    def colours(self, day: date = DAY) -> list[str | None]:
        """Dagster's status of every batch, as the UI shows it."""
        return colours(self.instance, self.lake, day)

    def metadata(self, asset: str, partition: str = str(DAY)) -> dict[str, Any]:
        """The metadata values of the partition's newest materialization."""
        wanted = dg.AssetRecordsFilter(asset_key=ASX.key(asset), asset_partitions=[partition])
        (record,) = self.instance.fetch_materializations(wanted, limit=1).records
        assert record.asset_materialization is not None
        return {name: entry.value for name, entry in record.asset_materialization.metadata.items()}

    def checks(self, stage: StageResult | None, partition: str | None = None) -> Mapping[str, Any]:
        """The check outcomes of one run by name, those of one partition where one is named."""
        assert stage is not None
        events = [entry.dagster_event for entry in self.instance.all_logs(stage.run_id)]
        found = [
            event.asset_check_evaluation_data
            for event in events
            if event is not None and event.event_type_value == "ASSET_CHECK_EVALUATION"
        ]
        return {check.check_name: check for check in found if check.partition == partition}

    def asked(self) -> Counter[str]:
        """How often each symbol's chart was asked for since the world was last reset."""
        return Counter(record["symbol"] for record in self.world.log(endpoint="chart"))


def colours(instance: dg.DagsterInstance, lake: Lake, day: date = DAY) -> list[str | None]:
    """Dagster's status of every batch of the day's plan: MATERIALIZED, FAILED, IN_PROGRESS or None."""
    keys = [f"{day}|{batch.batch_number}" for batch in plan_of(lake, day).batches]
    found = instance.get_status_by_partition(ASX.key("raw_prices"), keys, ASX.session_batches) or {}
    return [status.value if (status := found.get(key)) else None for key in keys]


def plan_of(lake: Lake, day: date = DAY) -> BatchPlan:
    """The day's pinned split."""
    return BatchPlan.from_json(lake.read(layout.batches_key(ASX.name, day)))


def contents(lake: Lake) -> dict[str, str | bytes]:
    """Key to what the file says, for every file of the lake; equal for lakes that hold the same.

    Reading everything is the point: a file that is cut or of another schema raises here.
    """
    found: dict[str, str | bytes] = {}
    for key in lake.list(""):
        if key.endswith(".parquet"):
            read_table(lake, key)
            found[key] = read_metadata(lake, key)[DATA_VERSION]
        else:
            found[key] = lake.read(key)
    return found


def leftovers(home: Path) -> list[Path]:
    """Temporary files anywhere below."""
    return sorted(path for path in home.rglob("*.tmp") if path.is_file())
