"""The sensor `alerts` on a real instance: each failure, late day and summary is told once, whatever dies meanwhile."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from dagster._core.remote_origin import (  # what a switched-on sensor is stored under; no public names
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorType
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from stocks_pipeline.defs.dr.data import cutoff
from stocks_pipeline.defs.operations import lateness
from stocks_pipeline.defs.operations.alerts import Memory, alerts_sensor, open_outbox
from stocks_pipeline.defs.operations.delivery import CAP_S
from stocks_pipeline.defs.us.going_on import TRY_TAG
from stocks_pipeline.domain.alert_facts import LATE_AFTER
from stocks_pipeline.domain.alerts import Alert, Kind, Severity
from stocks_pipeline.domain.schemas import EXTERNAL_BARS
from stocks_pipeline.settings import Settings
from stocks_pipeline.upstream import alert_sinks
from stocks_pipeline.upstream.control_file import StoreError
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline_tests.fake_feed import bars_of, codes, refused
from stocks_pipeline_tests.fakes import FakeClock
from stocks_pipeline_tests.market_desk import DAY, MARKET, MarketDesk, market_desk
from stocks_pipeline_tests.morning_desk import MorningDesk, morning, waves
from stocks_pipeline_tests.morning_desk import down as unanswered
from stocks_pipeline_tests.validation_desk import ValidationDesk, down, their_bars, validation_desk

__all__ = ["morning"]


class Receiver:
    """Stands for the webhook: keeps what it was sent, or is down."""

    name = "webhook"

    def __init__(self) -> None:
        self.got: list[Alert] = []
        self.down = False

    def send(self, alert: Alert) -> None:
        if self.down:
            raise UpstreamError(FailureKind.TRANSIENT, self.name, alert.key, "connection refused")
        self.got.append(alert)

    def kinds(self) -> list[Kind]:
        return [alert.kind for alert in self.got]


@pytest.fixture
def receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    """What the settings' one sink is."""
    made = Receiver()
    monkeypatch.setenv("STOCKS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STOCKS_UI_URL", "https://ui.example.org/stocks/")
    monkeypatch.setenv("STOCKS_ALERT_SINKS", "webhook")
    monkeypatch.setenv("STOCKS_ALERT_WEBHOOK_URL", "http://127.0.0.1:9/unused")
    monkeypatch.setattr(alert_sinks, "open_sink", lambda _name, **_settings: made)
    return made


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


class Watch:
    """The sensor with its cursor, as the daemon keeps it. Events carry real times, so its clock starts with them."""

    def __init__(self, instance: dg.DagsterInstance, defs: dg.Definitions | None = None, *, now: float = 0.0) -> None:
        self.clock = FakeClock(now or datetime.now(UTC).timestamp())
        self.instance, self.cursor = instance, None
        self.repository = (defs or dg.Definitions(assets=[broken], jobs=[broken_job])).get_repository_def()
        markets = [MARKET] if MARKET.key("daily_prices") in self.repository.asset_graph.get_all_asset_keys() else []
        self.sensor = alerts_sensor(markets, self.clock)

    def tick(self, *, keep_cursor: bool = True) -> str:
        """One look; what it said. Without `keep_cursor` the daemon died before it wrote the cursor down."""
        self.clock.advance(60)
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, repository_def=self.repository
        ) as context:
            result = self.sensor.evaluate_tick(context)
        if keep_cursor:
            self.cursor = result.cursor
        assert result.run_requests == []
        return str(result.skip_message)


@dg.asset(
    name="broken",
    check_specs=[dg.AssetCheckSpec("strict", asset="broken"), dg.AssetCheckSpec("mild", asset="broken")],
    partitions_def=dg.StaticPartitionsDefinition([f"2025-12-0{n}" for n in range(1, 8)]),
)
def broken(context: dg.AssetExecutionContext) -> Any:
    """Fails on the first three days, and from then on only its checks do."""
    if context.partition_key < "2025-12-04":
        raise dg.Failure(f"no data of {context.partition_key} with sk-0123456789abcdef0123456789abcdef")
    steps = {"next_step": "stocks retry broken"}
    yield dg.MaterializeResult(
        check_results=[
            dg.AssetCheckResult(check_name="strict", passed=context.partition_key != "2025-12-05", metadata=steps),
            dg.AssetCheckResult(check_name="mild", passed=False, severity=dg.AssetCheckSeverity.WARN),
        ]
    )


broken_job = dg.define_asset_job("broken_job", [broken])
QUIET: Mapping[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run(instance: dg.DagsterInstance, day: int) -> dg.ExecuteInProcessResult:
    """The asset of one day."""
    job = dg.Definitions(assets=[broken], jobs=[broken_job]).resolve_job_def("broken_job")
    return job.execute_in_process(
        instance=instance, partition_key=f"2025-12-0{day}", raise_on_error=False, run_config=dict(QUIET)
    )


def test_k_failed_runs_are_k_alerts_once(instance: dg.DagsterInstance, receiver: Receiver) -> None:
    """E38: each failed run is told once, with its own words, a link, what to do, and no secret."""
    watch = Watch(instance)
    assert watch.tick() == "0 new alerts."
    ids = {run(instance, day).run_id for day in (1, 2, 3)}
    watch.tick()
    assert {alert.fields["run_id"] for alert in receiver.got} == ids
    assert receiver.kinds() == [Kind.RUN_FAILED] * 3
    for alert, day in zip(receiver.got, (1, 2, 3), strict=True):
        assert alert.title == f"Run of broken_job failed (2025-12-0{day})"
        assert f"no data of 2025-12-0{day}" in alert.detail
        assert "0123456789abcdef" not in alert.detail
        assert alert.link == f"https://ui.example.org/stocks/runs/{alert.fields['run_id']}"
        assert alert.next_step == f"stocks status --date 2025-12-0{day}"
    assert watch.tick() == "0 new alerts."
    assert len(receiver.got) == 3


def test_a_run_that_never_ran_is_told_too(instance: dg.DagsterInstance, receiver: Receiver) -> None:
    """A19: a run whose process died, ended by the reaper, calls as well."""
    watch = Watch(instance)
    begun = instance.add_run(dg.DagsterRun("asx_prices", status=dg.DagsterRunStatus.STARTED))
    instance.report_run_failed(begun, message="Its process died.")
    watch.tick()
    assert [(a.detail, a.next_step) for a in receiver.got] == [("Its process died.", "stocks status")]


def test_failed_checks_are_told_by_severity(instance: dg.DagsterInstance, receiver: Receiver) -> None:
    """E38: ERROR and WARN are told apart, passed ones call nobody, and the check's own advice is given."""
    watch = Watch(instance)
    assert run(instance, 4).success
    assert run(instance, 5).success
    watch.tick()
    told = {(a.fields["check"], a.severity, tuple(a.fields["partitions"])) for a in receiver.got}
    assert told == {
        ("mild", Severity.WARNING, ("2025-12-04",)),
        ("mild", Severity.WARNING, ("2025-12-05",)),
        ("strict", Severity.ERROR, ("2025-12-05",)),
    }
    strict = next(a for a in receiver.got if a.fields["check"] == "strict")
    assert (strict.next_step, strict.link) == (
        "stocks retry broken",
        "https://ui.example.org/stocks/assets/broken?view=checks",
    )
    watch.tick()
    assert len(receiver.got) == 3
    run(instance, 5)
    watch.tick()
    assert len(receiver.got) == 5, "a later evaluation that fails again is news"


def test_a_restart_tells_nothing_twice_and_forgets_nothing(instance: dg.DagsterInstance, receiver: Receiver) -> None:
    """E38: the daemon dies after it told and before it noted where it was; the next one goes on."""
    run(instance, 1)
    Watch(instance).tick(keep_cursor=False)
    again = Watch(instance)
    run(instance, 2)
    again.tick()
    assert receiver.kinds() == [Kind.RUN_FAILED] * 2
    again.cursor = None
    again.tick()
    assert len(receiver.got) == 2, "also without any cursor"


def test_a_dead_sink_loses_nothing(instance: dg.DagsterInstance, receiver: Receiver) -> None:
    """E38: while it is down no tick fails and the sensor says what waits; back, it gets everything once."""
    watch, receiver.down = Watch(instance), True
    run(instance, 1)
    said = watch.tick()
    assert "1 wait for webhook (" in said
    assert "connection refused" in said
    run(instance, 2)
    watch.tick()
    receiver.down = False
    watch.clock.advance(CAP_S)
    said = watch.tick()
    assert "webhook took 2" in said
    assert len({a.key for a in receiver.got}) == len(receiver.got) == 2


def test_an_old_failure_is_no_news(instance: dg.DagsterInstance, receiver: Receiver) -> None:
    """A19: a sensor switched on today does not tell last week."""
    run(instance, 1)
    watch = Watch(instance, now=(datetime.now(UTC) + timedelta(days=2)).timestamp())
    assert watch.tick() == "0 new alerts."
    assert receiver.got == []


def test_a_broken_control_file_fails_the_tick_and_keeps_the_cursor(
    instance: dg.DagsterInstance, receiver: Receiver
) -> None:
    """E38: what cannot be written down is not skipped: the tick fails, and the next one that can tells it."""
    watch = Watch(instance)
    watch.tick()
    run(instance, 1)
    path = Settings.load().control_db
    for part in path.parent.glob("control.db*"):
        part.unlink()
    path.mkdir()
    with pytest.raises(StoreError, match="STOCKS_CONTROL_DB"):
        watch.tick()
    path.rmdir()
    watch.tick()
    assert receiver.kinds() == [Kind.RUN_FAILED]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[MarketDesk]:
    with market_desk(tmp_path / "lake", *codes(8)) as made:
        yield made


def market_watch(desk: MarketDesk, at: datetime) -> Watch:
    """The sensor of the desk, which watches the calendar since the evening before `DAY`."""
    watch = Watch(desk.instance, desk.defs, now=at.timestamp())
    watch.cursor = Memory(datetime.now(UTC).timestamp(), datetime(2025, 12, 4, 12, tzinfo=UTC).timestamp()).text()
    return watch


def test_a_day_that_nothing_ran_on_is_late_once(desk: MarketDesk, receiver: Receiver) -> None:
    """A28: a schedule that was off fails nothing, and the missing session calls all the same; the weekend does not."""
    due = lateness.market_ticks(MARKET)(MARKET.calendar().close_at(DAY)) + LATE_AFTER
    watch = market_watch(desk, due - timedelta(seconds=119))
    watch.tick()
    assert receiver.got == []
    watch.tick()
    watch.clock.advance(86_400)
    watch.tick()
    (alert,) = receiver.got
    assert (alert.kind, alert.key) == (Kind.DAY_LATE, "late:asx/daily_prices:2025-12-05")
    assert "stocks run asx --date 2025-12-05" in alert.next_step


def test_a_day_that_is_there_is_not_late(desk: MarketDesk, receiver: Receiver) -> None:
    """A28: a merged day calls nobody."""
    assert desk.list().success
    assert desk.prices().success
    assert desk.daily().success
    market_watch(desk, MARKET.calendar().close_at(DAY) + timedelta(hours=5)).tick()
    assert Kind.DAY_LATE not in receiver.kinds()


def test_a_batch_that_failed_is_told_with_its_run_and_its_checks(desk: MarketDesk, receiver: Receiver) -> None:
    """B36: one failed batch of three: the run calls, with the batch's name and what was wrong."""
    desk.feed.script = {f"{s}.AX": refused(f"{s}.AX") for s in codes(8)[3:6]}
    watch = Watch(desk.instance, desk.defs)
    assert desk.list().success
    assert not desk.prices().success
    watch.tick()
    (failed,) = [a for a in receiver.got if a.kind is Kind.RUN_FAILED]
    assert "2025-12-05|1" in failed.detail
    assert failed.next_step == "stocks status --date 2025-12-05"
    assert receiver.got == [failed], "what was not made was not checked: that is no second cause"
    assert desk.daily().success
    watch.tick()
    assert receiver.got == [failed], "the merge repeats the run"


def test_partitions_that_do_not_pass_are_one_alert(desk: MarketDesk, receiver: Receiver) -> None:
    """E38: they are named; the count over the run says nothing more."""
    known = MARKET.calendar().sessions(DAY - timedelta(days=10), DAY - timedelta(days=1))
    desk.feed.script = {f"{s}.AX": bars_of(f"{s}.AX", known) for s in codes(8)}
    watch = Watch(desk.instance, desk.defs)
    assert desk.list().success
    assert desk.prices().success
    watch.tick()
    (alert,) = [a for a in receiver.got if a.fields["check"] == "sessions_present"]
    assert sorted(alert.fields["partitions"]) == ["2025-12-05|0", "2025-12-05|1", "2025-12-05|2"]
    assert "of this run passed" not in alert.detail


def summary(instance: dg.DagsterInstance, asset: str, partition: str, **metadata: Any) -> None:
    """What a summary asset records."""
    event = dg.AssetMaterialization(asset.split("/"), partition=partition, metadata=metadata)
    instance.report_runless_asset_event(event)


def test_a_validation_session_ends_with_the_seeds_event(instance: dg.DagsterInstance, receiver: Receiver) -> None:
    """D25: WorkflowCompleted and WorkflowFailed, each with the seed's fields, once."""
    watch = Watch(instance)
    counts = {"session_id": "session-1", "total_symbols": 3, "passed_count": 2, "failed_count": 1}
    for status in ("pending", "processing", "completed", "completed"):
        summary(instance, "us/validation_summary", "2026-01-05", status=status, failed_symbols=["TSLA"], **counts)
        watch.tick()
    (done,) = receiver.got
    assert (done.kind, done.severity) == (Kind.WORKFLOW_COMPLETED, Severity.WARNING)
    assert done.fields == {**counts, "failed_symbols": ["TSLA"]}
    why = {"failure_reason": "the key was refused", "failure_step": "us/validation_results"}
    summary(instance, "us/validation_summary", "2026-01-06", status="failed", **counts, **why)
    watch.tick()
    assert (receiver.got[1].kind, receiver.got[1].fields) == (Kind.WORKFLOW_FAILED, why)


@pytest.fixture
def checked(receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValidationDesk]:
    """A validation session of three batches, opened."""
    assert receiver.got == []
    with validation_desk(tmp_path, monkeypatch) as made:
        made.stock([f"S{number}" for number in range(24)])
        assert made.open().success
        yield made


def test_a_validation_that_nobody_opened_is_told_once(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A28: the schedule was off: the prices are there, an hour after 04:30 UTC it is told, with its own command."""
    with validation_desk(tmp_path, monkeypatch) as found:
        event = dg.AssetMaterialization(["us", "daily_prices"], partition="2026-01-05")
        found.instance.report_runless_asset_event(event)
        watch = Watch(found.instance, found.defs, now=datetime(2026, 1, 6, 5, 28, tzinfo=UTC).timestamp())
        watch.cursor = Memory(datetime.now(UTC).timestamp(), datetime(2026, 1, 5, tzinfo=UTC).timestamp()).text()
        watch.tick()
        assert receiver.got == []
        for _ in range(3):
            watch.tick()
    (alert,) = receiver.got
    assert (alert.kind, alert.next_step) == (Kind.DAY_LATE, "stocks validate --date 2026-01-05")


def test_a_second_vendor_that_is_down_is_one_message(checked: ValidationDesk, receiver: Receiver) -> None:
    """D25: the run, the count and its checks have one cause; the run waits for the count, and a retry is no news."""
    checked.vendor.script = lambda _symbols, _number: down()
    watch = Watch(checked.instance, checked.defs)
    assert not checked.check().success
    watch.tick()
    assert receiver.got == []
    assert checked.sum_up().success
    watch.tick()
    (alert,) = receiver.got
    assert (alert.kind, alert.severity) == (Kind.WORKFLOW_FAILED, Severity.ERROR)
    assert alert.title == "us validation of 2026-01-05 failed: 0 of 24 agree, 24 open"
    assert "503: try later" in alert.detail
    assert "stocks validation retry --date 2026-01-05" in alert.next_step
    assert not checked.check(**{TRY_TAG: "2"}).success
    assert checked.sum_up().success
    for _ in range(20):
        watch.tick()
    assert len(receiver.got) == 1


def test_a_refused_key_is_one_message(checked: ValidationDesk, receiver: Receiver) -> None:
    """D25: the session stays open, so no end of it is told: the run is, with the validation's own command."""
    checked.vendor.script = lambda _symbols, _number: down(FailureKind.AUTH, "401: no such key")
    watch = Watch(checked.instance, checked.defs)
    assert not checked.check().success
    assert checked.sum_up().success
    for _ in range(20):
        watch.tick()
    (alert,) = receiver.got
    assert (alert.kind, alert.fields["job"]) == (Kind.RUN_FAILED, "us_validation_results")
    assert "401: no such key" in alert.detail
    assert "stocks validation" in alert.next_step or "STOCKS_TWELVE_DATA_API_KEY" in alert.next_step


def test_a_session_that_compared_nothing_failed(checked: ValidationDesk, receiver: Receiver) -> None:
    """D25: every batch ended and no symbol has a verdict: that is WorkflowFailed, in the summary as in the alert."""
    none = UpstreamError(FailureKind.PERMANENT, "twelvedata", "S", "no such symbol")
    checked.vendor.script = lambda symbols, _number: dict.fromkeys(symbols, none)
    watch = Watch(checked.instance, checked.defs)
    assert checked.check().success
    assert checked.sum_up().success
    watch.tick()
    told = {"failure_reason": "no symbol could be compared", "failure_step": "validation_results"}
    (alert,) = [alert for alert in receiver.got if alert.kind is Kind.WORKFLOW_FAILED]
    assert (alert.severity, alert.fields) == (Severity.ERROR, told)
    assert checked.summary().items() >= {"event": "WorkflowFailed", **told}.items()


def test_harmless_differences_count_beside_the_failed(checked: ValidationDesk, receiver: Receiver) -> None:
    """D25: `failed_count` is the number of `failed_symbols`, and what is harmless has a count of its own."""
    checked.stock([f"S{number}" for number in range(24)], spoilt={"S3": 1.5})
    prices, edge = ("open", "high", "low", "close"), date(2025, 12, 31)
    rows = their_bars("S5", date(2025, 12, 22), date(2026, 1, 5)).to_pylist()
    paid = [{**row, **{n: row[n] * 1.0637 for n in prices}} if row["session"] <= edge else row for row in rows]
    checked.vendor.script = lambda _symbols, _number: {"S5": pa.Table.from_pylist(paid, schema=EXTERNAL_BARS)}
    watch = Watch(checked.instance, checked.defs)
    assert checked.check().success
    assert checked.sum_up().success
    found = checked.summary()
    assert (found["failed_count"], found["failed_symbols"], found["harmless_count"]) == (1, ["S3"], 1)
    watch.tick()
    (alert,) = receiver.got
    assert (alert.fields["failed_count"], alert.fields["failed_symbols"]) == (1, ["S3"])
    assert alert.title.endswith("23 of 24 agree (1 but for a harmless difference), 1 failed")
    assert "1 does not" in alert.detail


def test_a_symbol_that_disagrees_is_one_error(checked: ValidationDesk, receiver: Receiver) -> None:
    """D25: the count names it, as gravely as the check that found it."""
    checked.stock([f"S{number}" for number in range(24)], spoilt={"S3": 1.5})
    watch = Watch(checked.instance, checked.defs)
    assert checked.check().success
    assert checked.sum_up().success
    for _ in range(12):
        watch.tick()
    (alert,) = receiver.got
    assert (alert.kind, alert.severity) == (Kind.WORKFLOW_COMPLETED, Severity.ERROR)
    assert "Failed: S3." in alert.detail
    assert alert.next_step == "stocks validation results --date 2026-01-05 --status failed"


def test_a_session_beside_the_days_own_is_told_by_its_id(checked: ValidationDesk, receiver: Receiver) -> None:
    """D25: one run, one message, with the session that its command chooses."""
    checked.vendor.script = lambda _symbols, _number: down()
    watch = Watch(checked.instance, checked.defs)
    ended = checked.adhoc(symbols=["S1", "S2"])
    assert not ended.success
    for _ in range(12):
        watch.tick()
    (alert,) = receiver.got
    session = ended.run_id[:8]
    assert alert.title == f"us validation beside 2026-01-05 ({session}) failed: 0 of 2 agree, 2 open"
    assert f"stocks validation retry --session {session}" in alert.next_step


@pytest.mark.parametrize(
    ("harmless", "severity", "step"),
    [(1, Severity.INFO, "Nothing to do."), (0, Severity.WARNING, "stocks validation status --date 2026-01-05")],
)
def test_nothing_to_do_is_said_only_where_that_is_true(
    instance: dg.DagsterInstance, receiver: Receiver, harmless: int, severity: Severity, step: str
) -> None:
    """D25: a symbol that did not pass needs a person, unless it differs harmlessly."""
    watch = Watch(instance)
    counts = {"total_symbols": 1, "passed_count": 0, "failed_count": 1 - harmless, "harmless_count": harmless}
    said = {"message": "In a sentence.", "next_steps": "Nothing to do."}
    summary(instance, "us/validation_summary", "2026-01-05", status="completed", **counts, **said)
    watch.tick()
    (alert,) = receiver.got
    assert (alert.severity, alert.next_step, alert.detail) == (severity, step, "In a sentence.")


def test_a_morning_ends_with_the_same_event(instance: dg.DagsterInstance, receiver: Receiver) -> None:
    """D25: reports completed, and a morning without any; counted again without a change it is silent."""
    watch = Watch(instance)
    none = {"total_tickers": 2, "succeeded": 0, "failed": 2, "skipped": 0, "next_steps": "stocks dead-letters"}
    all_ = {"total_tickers": 2, "succeeded": 2, "failed": 0, "skipped": 0, "next_steps": "Nothing to do."}
    for status, told in (("failed", none), ("completed", all_), ("completed", all_)):
        summary(instance, "dr/precompute_summary", "2026-11-20", status=status, failed_symbols=[], **told)
        watch.tick()
    assert receiver.kinds() == [Kind.WORKFLOW_FAILED, Kind.WORKFLOW_COMPLETED]
    assert [a.severity for a in receiver.got] == [Severity.ERROR, Severity.INFO]
    assert receiver.got[0].next_step == "stocks dead-letters"


def test_the_end_of_a_morning_is_told_from_its_own_count(morning: MorningDesk, receiver: Receiver) -> None:
    """C17, D25: the counts of the alert are those that the summary itself materialized, with the ticker that failed."""
    morning.model.script = lambda subject, _: unanswered(subject) if subject == "DBS19" else None
    morning.fetch()
    watch = Watch(morning.instance, morning.defs)
    assert not morning.write().success
    assert morning.sum_up().success
    watch.tick()
    (alert,) = [alert for alert in receiver.got if alert.kind is Kind.WORKFLOW_COMPLETED]
    told = {name: alert.fields[name] for name in ("session_id", "total_symbols", "passed_count", "failed_count")}
    assert told == {"session_id": "2025-12-05", "total_symbols": 3, "passed_count": 2, "failed_count": 1}
    assert alert.fields["failed_symbols"] == ["DBS19"]
    assert alert.next_step == "stocks dead-letters --date 2025-12-05; stocks retry dr --date 2025-12-05"


def test_an_outbox_is_read_where_the_settings_say(instance: dg.DagsterInstance, receiver: Receiver) -> None:
    """E38: alerts lie in the control file, so another process of the desk can see what waits."""
    receiver.down = True
    watch = Watch(instance)
    run(instance, 1)
    watch.tick()
    box = open_outbox(Settings.load(), watch.clock)
    assert box.waiting() == {"webhook": 1}
    box.close()


def test_a_morning_that_nothing_ran_on_is_late_once(morning: MorningDesk, receiver: Receiver) -> None:
    """A28: the schedule was off, or the daemon down: it is told twenty minutes after 05:00 in Bangkok, once, with the
    command that fetches it and costs nothing. A morning with data is not late, though a ticker failed.
    """
    thursday = cutoff(DAY) - timedelta(days=1)
    watch = Watch(morning.instance, morning.defs, now=(cutoff(DAY) + timedelta(minutes=18)).timestamp())
    watch.cursor = Memory(datetime.now(UTC).timestamp(), thursday.timestamp()).text()
    watch.tick()
    assert receiver.got == []
    watch.tick()
    watch.clock.advance(3_600)
    watch.tick()
    (alert,) = receiver.got
    assert (alert.kind, alert.key) == (Kind.DAY_LATE, "late:dr/ticker_data:2025-12-05")
    assert "(2025-12-04 22:00 UTC)" in alert.detail

    monday = DAY + timedelta(days=3)
    morning.clock.advance(3 * 86_400)
    morning.feed.script = lambda symbol, window: refused(symbol) if symbol == "NVDA" else waves(symbol, window)
    assert not morning.fetch(day=monday).success
    watch.clock.advance(3 * 86_400)
    watch.tick()
    assert "late:dr/ticker_data:2025-12-08" not in {a.key for a in receiver.got}


def test_a_morning_that_is_being_fetched_is_not_late(morning: MorningDesk, receiver: Receiver) -> None:
    """A28: a run at work tells its own end; when it is gone and nothing is there, the morning is late."""
    name = "dagster/asset_partition_range"
    span = {f"{name}_start": "2025-12-05|DBS19", f"{name}_end": "2025-12-05|NVDA19"}
    begun = morning.instance.add_run(dg.DagsterRun("dr_fetch", status=dg.DagsterRunStatus.STARTED, tags=span))
    watch = Watch(morning.instance, morning.defs, now=(cutoff(DAY) + timedelta(minutes=30)).timestamp())
    watch.cursor = Memory(datetime.now(UTC).timestamp(), (cutoff(DAY) - timedelta(hours=1)).timestamp()).text()
    watch.tick()
    assert receiver.got == []
    morning.instance.report_run_canceled(begun)
    watch.tick()
    assert receiver.kinds() == [Kind.DAY_LATE]


@pytest.fixture
def switches(morning: MorningDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    """The desk's instance with a storage for switches, which one in memory lacks."""
    storage = SqliteScheduleStorage.from_local(str(tmp_path / "switches"))
    storage.register_instance(morning.instance)
    monkeypatch.setattr(morning.instance, "_schedule_storage", storage)
    return morning.instance


def switch_on(instance: dg.DagsterInstance, sensor: str) -> None:
    """What a click on the switch of a sensor leaves in Dagster's storage."""
    place = ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name="stocks_pipeline"))
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(place, "__repository__"), sensor)
    instance.add_instigator_state(InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING))


@pytest.mark.parametrize("starts", ["dr_precompute", "daily_precompute", "dr_summary_chain"])
def test_reports_that_nobody_began_are_late_where_something_should(
    morning: MorningDesk, switches: dg.DagsterInstance, receiver: Receiver, starts: str
) -> None:
    """A28: an hour after 05:00, once, with the command that writes them; nobody is owed what is switched off, and
    reports that were begun tell their own end.
    """
    assert morning.fetch().success
    due = cutoff(DAY) + LATE_AFTER
    watch = Watch(morning.instance, morning.defs, now=(due - timedelta(minutes=2)).timestamp())
    watch.cursor = Memory(datetime.now(UTC).timestamp(), (cutoff(DAY) - timedelta(hours=1)).timestamp()).text()
    watch.clock.advance(600)
    watch.tick()
    assert receiver.got == [], "what starts them is off"
    watch.clock.advance(-660)
    switch_on(switches, starts)
    watch.tick()
    assert receiver.got == [], "a minute too early"
    watch.tick()
    watch.tick()
    late = [a for a in receiver.got if a.kind is Kind.DAY_LATE]
    if starts == "dr_summary_chain":
        assert late == [], "it starts none"
        return
    (alert,) = late
    assert (alert.key, alert.title) == ("late:dr/ticker_reports:2025-12-05", "dr: no reports of 2025-12-05")
    assert alert.next_step.endswith("stocks precompute --date 2025-12-05")


def test_reports_that_were_begun_are_not_late(
    morning: MorningDesk, switches: dg.DagsterInstance, receiver: Receiver
) -> None:
    """A28: also where they failed: their run and the summary tell it."""
    assert morning.fetch().success
    switch_on(switches, "dr_precompute")
    morning.write(["NVDA19"])
    watch = Watch(morning.instance, morning.defs, now=(cutoff(DAY) + timedelta(hours=2)).timestamp())
    watch.cursor = Memory(datetime.now(UTC).timestamp(), (cutoff(DAY) - timedelta(hours=1)).timestamp()).text()
    watch.tick()
    assert Kind.DAY_LATE not in receiver.kinds()


def test_a_desk_without_receipts_owes_no_morning(
    morning: MorningDesk, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A05: a list of nobody has no late mornings; one that cannot be read has."""
    path = tmp_path / "nobody.csv"
    monkeypatch.setenv("STOCKS_DR_TICKERS", str(path))
    since = Memory(datetime.now(UTC).timestamp(), (cutoff(DAY) - timedelta(hours=1)).timestamp()).text()
    for text, told in (("dr,yahoo,name,mic\n", 0), ("nonsense", 1)):
        path.write_text(text)
        watch = Watch(morning.instance, morning.defs, now=(cutoff(DAY) + timedelta(hours=1)).timestamp())
        watch.cursor = since
        watch.tick()
        assert len(receiver.got) == told
