"""What the doctor finds, what it says to do, and that it leaves no trace."""

import dataclasses
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster._daemon.types import DaemonHeartbeat

from stocks_pipeline.cli import desk, doctor_checks, doctor_dagster, doctor_shared, doctor_stores
from stocks_pipeline.cli.doctor import bounded, examine, run_doctor
from stocks_pipeline.cli.doctor_checks import Finding, failed, ok
from stocks_pipeline.cli.output import Exit
from stocks_pipeline.clock import SystemClock
from stocks_pipeline.defs.asx import ASX
from stocks_pipeline.defs.operations.alerts import open_outbox
from stocks_pipeline.defs.operations.dead_runs import WORKER_TAG, alive
from stocks_pipeline.domain.alert_facts import FailedRun
from stocks_pipeline.domain.alerts import of_run
from stocks_pipeline.settings import TABLE, Settings
from stocks_pipeline.storage.lake import LakeError
from stocks_pipeline.upstream.limits import Rate, open_limiter
from stocks_pipeline_tests.fake_feed import codes, refused
from stocks_pipeline_tests.market_desk import MARKET, market_desk

SECRET = "sk-nobody-may-see-this"  # noqa: S105 - the point of the test


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A desk in a folder of its own whose sandbox does not answer."""
    found = {
        "STOCKS_UPSTREAM": "sandbox",
        "STOCKS_SANDBOX_URL": "http://127.0.0.1:9",
        "STOCKS_HOME": str(tmp_path / "home"),
        "DAGSTER_HOME": str(tmp_path / "home" / "dagster"),
        "STOCKS_LAKE": str(tmp_path / "home" / "lake"),
        "STOCKS_CONTROL_DB": str(tmp_path / "home" / "control.db"),
    }
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.fixture
def home(environment: Mapping[str, str]) -> Settings:
    """The same desk after its first run: the stores are there."""
    found = Settings.load(environment)
    desk.enter(found)
    Path(found.lake).mkdir()
    open_limiter(str(found.control_db), "yahoo", [Rate(5, 1.0)], clock=SystemClock(), upstream="yahoo")
    return found


@pytest.fixture
def instance(home: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance of that desk, with our dagster.yaml."""
    with desk.open_instance(home) as found:
        yield found


def states(findings: object) -> list[str]:
    return [finding.state for finding in findings]  # type: ignore[attr-defined]


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_desk_that_never_ran_is_fit_and_stays_untouched(environment: Mapping[str, str], tmp_path: Path) -> None:
    """Nothing is made by looking; what is absent can be made, and the next step is named."""
    with ExitStack() as stack:
        found = list(examine(stack, 10.0))
    by_name = {finding.name: finding for finding in found}
    assert "fail" not in states(found)
    assert (by_name["Dagster"].state, by_name["Dagster"].do) == ("warn", "stocks demo")
    assert by_name["lake"].state == "warn"
    assert list(tmp_path.iterdir()) == []
    assert environment["STOCKS_LAKE"] in by_name["lake"].what


def test_every_store_is_created_read_changed_and_deleted(home: Settings) -> None:
    """DAGSTER_HOME, the lake and the control file; afterwards nothing of the probe is left."""
    before = files(home.home)
    for check in (doctor_stores.home, doctor_stores.lake, doctor_stores.control):
        assert states(check(home)) == ["ok"], check
    assert {f for f in files(home.home) if not f.startswith("control.db-")} == before
    with sqlite3.connect(home.control_db) as con:
        assert con.execute("SELECT count(*) FROM sqlite_master WHERE name='doctor_probe'").fetchone() == (0,)
    con.close()


def test_a_lake_that_forgets_is_found_out() -> None:
    """Other bytes than were written, or a key that stays: an error, and the probe is still deleted."""

    class Forgetful:
        root, deleted = "here", False

        def write(self, _key: str, _data: bytes) -> None: ...

        def read(self, _key: str) -> bytes:
            return b"created"

        def delete(self, _key: str) -> bool:
            self.deleted = True
            return True

    lake = Forgetful()
    with pytest.raises(LakeError, match="other bytes"):
        doctor_stores.probe_lake(lake, "doctor/probe")  # type: ignore[arg-type]
    assert lake.deleted


def test_a_lake_that_cannot_be_used_fails_with_its_own_words(home: Settings) -> None:
    """A file in the lake's place."""
    Path(home.lake).rmdir()
    Path(home.lake).write_text("not a folder")
    (finding,) = doctor_stores.lake(home)
    assert finding.state == "fail"
    assert "not a folder" in finding.what
    assert finding.do


def test_a_locked_control_file_fails(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody holds it: said within the wait, not hung."""
    monkeypatch.setattr(doctor_stores, "BUSY_S", 0.05)
    holder = sqlite3.connect(home.control_db, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    (finding,) = doctor_stores.control(home)
    holder.execute("ROLLBACK")
    holder.close()
    assert (finding.state, "locked" in finding.what) == ("fail", True)


@pytest.mark.parametrize(
    ("upstream", "setting"),
    [("yahoo", "STOCKS_YAHOO_RATE"), ("twelvedata", "STOCKS_TWELVE_DATA_PLAN"), ("asx", "by themselves then")],
)
def test_a_cool_down_is_shown_with_its_reason(home: Settings, upstream: str, setting: str) -> None:
    """Who wonders why nothing moves finds the limiter cooling, and the setting that is about that vendor, if one is."""
    limiter = open_limiter(str(home.control_db), upstream, [Rate(5, 1.0)], clock=SystemClock(), upstream=upstream)
    limiter.cool_down(60, "HTTP 429")
    found = doctor_shared.limits(home)
    assert [(f.name, f.state) for f in found] == [("limits", "ok"), (f"limits of {upstream}", "warn")]
    assert "HTTP 429" in found[1].what
    assert setting in found[1].do
    assert ("YAHOO" in found[1].do) is (upstream == "yahoo")


def test_shared_limits_that_cannot_be_reached_fail_without_their_secret(home: Settings) -> None:
    """The address is named without its user's password, and what that means for the runs."""
    gone = dataclasses.replace(home, limits_url=f"postgresql://desk:{SECRET}@127.0.0.1:9/limits")
    (finding,) = doctor_shared.limits(gone)
    assert (finding.name, finding.state, SECRET in str(finding)) == ("limits", "fail", False)
    assert "STOCKS_LIMITS_URL (127.0.0.1:9/limits) cannot be reached" in finding.what
    assert "no vendor is asked" in finding.do


def told(home: Settings, *sinks: str, error: str = "") -> None:
    """Two alerts in the desk's outbox for these sinks; the first try of each sink failed with `error`."""
    now = SystemClock().time()
    outbox = open_outbox(home, SystemClock())
    at = datetime(2025, 12, 5, tzinfo=UTC)
    facts = [FailedRun(f"r-{n}", "asx_prices", "", "boom", "stocks status", at) for n in range(2)]
    outbox.put([of_run(fact) for fact in facts], sinks, now)
    for sink in sinks if error else ():
        waiting = outbox.claim(sink, now, 60)
        assert waiting is not None
        outbox.failed(waiting, sink, error, now + 900, hold_all=True)
    outbox.close()


def test_alerts_that_wait_are_counted_by_sink(home: Settings) -> None:
    """How many, since when, what the sink said, and what to do: mend it, name it, or deliver."""
    (nothing,) = doctor_shared.alerts(home)
    assert (nothing.state, "log" in nothing.what) == ("ok", True)
    told(home, "webhook", "log", error="HTTP 503: down")
    webhook = dataclasses.replace(home.alerts, sinks=("webhook",))
    log, down = doctor_shared.alerts(dataclasses.replace(home, alerts=webhook))
    assert (log.name, log.state) == ("alerts for log", "warn")
    assert "name log in STOCKS_ALERT_SINKS" in log.do
    assert (down.name, down.state) == ("alerts for webhook", "warn")
    assert "2 wait, the oldest since 2025-12-05T00:00:00+00:00; it said: HTTP 503: down" in down.what
    assert "stocks alerts send" in down.do


def test_alerts_that_nobody_tried_name_the_daemon(home: Settings) -> None:
    """No sink is at fault: nobody delivers."""
    told(home, "log")
    (finding,) = doctor_shared.alerts(home)
    assert (finding.state, "stocks dev" in finding.do) == ("warn", True)


def test_a_sandbox_that_does_not_answer_is_a_warning(home: Settings) -> None:
    """With the command that starts it; live upstreams are not called."""
    (finding,) = doctor_checks.upstream(home)
    assert (finding.state, "stocks sandbox" in finding.do) == ("warn", True)
    (live,) = doctor_checks.upstream(dataclasses.replace(home, upstream="live"))
    assert (live.state, "not called" in live.what) == ("ok", True)


def test_free_space(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Little warns, almost none fails."""
    for free, state in ((10 * 2**30, "ok"), (2**30, "warn"), (2**20, "fail")):
        monkeypatch.setattr(doctor_stores.shutil, "disk_usage", lambda _, free=free: type("Usage", (), {"free": free}))
        assert states(doctor_stores.disk(home)) == [state]


@pytest.mark.parametrize(
    ("newest", "ends", "state"),
    [
        (date(2026, 11, 20), date(2027, 12, 31), "ok"),
        (None, date(2027, 12, 31), "ok"),
        (date(2026, 11, 23), date(2027, 12, 31), "fail"),
        (date(2026, 11, 20), date(2026, 11, 1), "warn"),
    ],
)
def test_the_clock_must_fit_the_data(newest: date | None, ends: date, state: str) -> None:
    """A session in the future, or a present beyond the calendar."""
    assert doctor_checks._clock_of("asx", ends, newest, datetime(2026, 11, 21, tzinfo=UTC)).state == state


def test_keys_are_named_and_never_shown(home: Settings) -> None:
    """Presence only: for an S3 lake without keys their names, with keys nothing of them."""
    s3 = dataclasses.replace(home, lake="s3://bucket")
    env = {"HOME": "/nowhere", "AWS_ACCESS_KEY_ID": SECRET, "AWS_SECRET_ACCESS_KEY": SECRET}
    (finding,) = doctor_checks.keys(s3, env)
    assert (finding.state, SECRET in str(finding)) == ("ok", False)
    assert doctor_checks.keys(home, {})[0].what == "none needed"


def test_live_needs_the_keys_of_the_table(home: Settings) -> None:
    """Every key of the settings, by name; the sandbox needs none, and an address that is a secret is no key."""
    secrets = {row.name: SECRET for row in TABLE if row.secret and row.name.endswith("_KEY")}
    live = dataclasses.replace(home, upstream="live")
    (without,), (given,) = doctor_checks.keys(live, {}), doctor_checks.keys(live, secrets)
    assert "LIMITS_URL" not in without.what
    assert (without.state, given.state) == ("warn", "ok")
    assert all(name in without.do and name in given.what for name in secrets)
    assert SECRET not in str(given)


def test_missing_keys_are_named(home: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An S3 lake without any way to sign."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    (finding,) = doctor_checks.keys(dataclasses.replace(home, lake="s3://bucket"), {})
    assert finding.state == "warn"
    assert "AWS_SECRET_ACCESS_KEY" in finding.do


def test_quotes_around_a_value_are_flagged_without_the_value() -> None:
    """The habit of .env files that breaks signatures."""
    (finding,) = doctor_checks.quoted_values({"AWS_SECRET_ACCESS_KEY": f'"{SECRET}"', "PS1": "'x'"})
    assert (finding.state, SECRET in str(finding)) == ("warn", False)
    assert "AWS_SECRET_ACCESS_KEY" in finding.what
    assert "PS1" not in finding.what


def test_versions_outside_the_tested_range_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As installed here all is well; an untested package is named."""
    assert states(doctor_checks.versions()) == ["ok"]
    monkeypatch.setattr(
        "importlib.metadata.requires", lambda _: ["rich<1", "no-such-thing-here", "s3fs ; extra == 's3'"]
    )
    (finding,) = doctor_checks.versions()
    assert finding.state == "warn"
    assert "rich" in finding.what
    assert "no-such-thing-here is missing" in finding.what


def test_our_dagster_yaml_is_in_force(instance: dg.DagsterInstance) -> None:
    """The template has every line that the doctor asks for."""
    (finding,) = doctor_dagster.configuration(instance)
    assert (finding.state, "yahoo 3" in finding.what) == ("ok", True)


def test_another_dagster_yaml_is_found_out() -> None:
    """Dagster's defaults have neither the limits nor the monitoring."""
    with dg.DagsterInstance.ephemeral() as bare:
        (finding,) = doctor_dagster.configuration(bare)
    assert finding.state == "fail"
    assert "stocks/upstream" in finding.what
    assert "dagster.yaml" in finding.do


@pytest.mark.parametrize(
    ("ages", "state"),
    [
        ({}, "warn"),
        (dict.fromkeys(doctor_dagster.DAEMONS, 5.0), "ok"),
        (dict.fromkeys(doctor_dagster.DAEMONS, 600.0), "fail"),
        ({"SENSOR": 5.0}, "fail"),
    ],
)
def test_the_daemon_is_known_by_its_heartbeat(instance: dg.DagsterInstance, ages: dict[str, float], state: str) -> None:
    """Never ran, alive, dead, half alive; A39: where the UI is told, also of a healthy desk."""
    for name, age in ages.items():
        instance.add_daemon_heartbeat(DaemonHeartbeat(SystemClock().time() - age, name, "one", []))
    (finding,) = doctor_dagster.daemon(instance)
    assert finding.state == state
    assert "http://127.0.0.1:3000" in (finding.what if state == "ok" else finding.do)


def test_schedules_and_sensors_are_on_by_default(instance: dg.DagsterInstance) -> None:
    """Every one of the location has a line, also before its first tick."""
    found = {finding.name: finding.state for finding in doctor_dagster.automation(instance)}
    assert {"schedule asx_daily", "sensor asx_chain", "sensor dead_runs"} <= set(found)
    assert set(found.values()) == {"ok"}


@pytest.mark.parametrize(
    ("status", "default", "ticks", "state", "word"),
    [
        ("STOPPED", "RUNNING", [], "warn", "stopped"),
        (None, "STOPPED", [], "ok", "off, as shipped"),
        ("RUNNING", "STOPPED", [], "ok", "no tick yet"),
        ("RUNNING", "RUNNING", [("SKIPPED", None)], "ok", "a holiday"),
        ("RUNNING", "RUNNING", [("FAILURE", "no such partition")], "fail", "no such partition"),
    ],
)
def test_a_schedule_is_stopped_or_running_and_its_last_tick_tells(
    status: str | None, default: str, ticks: list[tuple[str, str | None]], state: str, word: str
) -> None:
    """A person's switch beats the default; a failed tick fails."""
    switch = status and SimpleNamespace(
        status=doctor_dagster.InstigatorStatus(status), instigator_origin_id="o", selector_id="s"
    )
    recorded = [
        SimpleNamespace(
            status=doctor_dagster.TickStatus(outcome),
            timestamp=0.0,
            skip_reason="a holiday",
            error=why and SimpleNamespace(message=why),
        )
        for outcome, why in ticks
    ]
    instance = SimpleNamespace(get_ticks=lambda *_, **__: recorded)
    finding = doctor_dagster._instigator(instance, "schedule", "asx_daily", default, switch)  # type: ignore[arg-type]
    assert (finding.state, word in finding.what) == (state, True)
    assert state == "ok" or finding.do


def test_dead_and_stuck_runs_are_found(instance: dg.DagsterInstance) -> None:
    """A run whose process is gone, and one that hangs; one that works is neither."""
    started = {"status": dg.DagsterRunStatus.STARTED, "tags": {WORKER_TAG: "foreground"}}
    dead = instance.create_run_for_job(_nothing, **started)  # type: ignore[arg-type]
    live = instance.create_run_for_job(_nothing, **started)  # type: ignore[arg-type]
    with alive(instance, live.run_id):
        (finding,) = doctor_dagster.runs(instance)
    assert finding.state == "fail"
    assert dead.run_id[:8] in finding.what
    assert live.run_id[:8] not in finding.what


@dg.job
def _nothing() -> None:
    """No ops."""


def test_a_run_that_waits_too_long_is_stuck(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than an hour without getting any further."""
    run = instance.create_run_for_job(_nothing, status=dg.DagsterRunStatus.STARTING)
    assert states(doctor_dagster.runs(instance)) == ["ok"]
    monkeypatch.setattr(doctor_dagster, "QUEUED_S", -1.0)
    (finding,) = doctor_dagster.runs(instance)
    assert (finding.state, run.run_id[:8] in finding.what) == ("fail", True)


def test_no_slot_is_stuck(instance: dg.DagsterInstance) -> None:
    """A desk without pools."""
    assert states(doctor_dagster.slots(instance)) == ["ok"]


def test_a_slot_of_an_ended_run_is_stuck(instance: dg.DagsterInstance) -> None:
    """Dagster frees it only with the daemon."""
    run = instance.create_run_for_job(_nothing, status=dg.DagsterRunStatus.FAILURE)
    instance.event_log_storage.set_concurrency_slots("vendor", 1)
    instance.event_log_storage.claim_concurrency_slot("vendor", run.run_id, "step")
    (finding,) = doctor_dagster.slots(instance)
    assert (finding.state, "vendor" in finding.what) == ("fail", True)


def test_batches_left_behind_come_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A red batch of any of the newest days."""
    monkeypatch.setattr(doctor_dagster, "MARKETS", {ASX.name: MARKET})
    symbols = codes(6)
    with market_desk(tmp_path / "lake", *symbols) as small:
        small.feed.script = {f"{s}.AX": refused(f"{s}.AX") for s in symbols[3:]}
        small.list()
        small.prices()
        (finding,) = doctor_dagster.leftovers(small.instance)
    assert (finding.state, finding.do) == ("fail", "stocks retry asx/raw_prices --date 2025-12-05")


def test_a_check_that_hangs_is_a_finding() -> None:
    """The doctor ends, whatever does not answer."""
    release = threading.Event()

    def hang() -> list[Finding]:
        release.wait(30)
        return [ok("slow", "at last")]

    (finding,) = bounded("slow", hang, 0.05)
    release.set()
    assert (finding.state, "no answer" in finding.what) == ("fail", True)


def test_a_check_that_breaks_is_a_finding() -> None:
    """The others are still made."""

    def broken() -> list[Finding]:
        raise OSError(5, "Input/output error")

    (finding,) = bounded("disk", broken, 5.0)
    assert (finding.name, finding.state) == ("disk", "fail")
    assert "Input/output error" in finding.what


def test_every_trouble_says_what_to_do(home: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole examination as JSON: one document, and no finding without an advice."""
    code = run_doctor(as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert code is Exit.OK
    assert document["fail"] == 0
    assert all(finding["do"] for finding in document["findings"] if finding["state"] != "ok")
    assert {"settings", "lake", "daemon", "schedule asx_daily", "asx left behind"} <= {
        finding["name"] for finding in document["findings"]
    }
    assert home.lake in json.dumps(document)


def test_a_wrong_setting_is_the_finding(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Named with its range; exit code 1."""
    assert environment
    monkeypatch.setenv("STOCKS_YAHOO_RATE", "many")
    assert run_doctor(as_json=False) is Exit.FAILURE
    said = capsys.readouterr().out
    assert "STOCKS_YAHOO_RATE is 'many'" in said
    assert said.startswith("Not fit to run")


def test_findings_know_their_states() -> None:
    """The words that scripts compare with."""
    assert (ok("a", "b").state, failed("a", "b", "c").to_dict()) == (
        "ok",
        {"name": "a", "state": "fail", "what": "b", "do": "c"},
    )
