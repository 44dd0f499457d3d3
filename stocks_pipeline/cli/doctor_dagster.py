"""What the doctor asks Dagster: is the instance ours, does the daemon live, what hangs, what was left behind.

What belongs here: one function a check over the instance; reads only. What does not: the machine and its stores
(doctor_checks.py), ending dead runs (defs/operations/dead_runs.py).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType  # what tells schedules from sensors; not exported
from dagster._core.scheduler.instigation import InstigatorStatus, TickStatus  # as above

from stocks_pipeline.cli.doctor_checks import Finding, failed, ok, warned
from stocks_pipeline.clock import SystemClock
from stocks_pipeline.definitions import MARKETS, defs
from stocks_pipeline.defs.automation import UPSTREAM_TAG
from stocks_pipeline.defs.operations.dead_runs import dead_runs
from stocks_pipeline.defs.operations.standing import left_behind
from stocks_pipeline.settings import Settings

HEARTBEAT_S = 120.0
"""The daemon beats every 30 s; Dagster's own tolerance of 30 minutes would call a dead one alive for a session."""

QUEUED_S = 3600.0
CANCELING_S = 600.0
DAEMONS = ("SCHEDULER", "SENSOR", "QUEUED_RUN_COORDINATOR", "MONITORING")
START = "make dev (the UI is then at http://127.0.0.1:3000)"


def configuration(instance: dg.DagsterInstance) -> Sequence[Finding]:
    """Whether our dagster.yaml is the one in force."""
    queue = instance.get_concurrency_config().run_queue_config
    limits = queue.tag_concurrency_limits if queue else []
    wrong = [
        text
        for text, bad in (
            ("run_monitoring is off: a killed run stays STARTED for ever", not instance.run_monitoring_enabled),
            ("no max_runtime_seconds: a hanging run hangs for ever", not instance.run_monitoring_max_runtime_seconds),
            (f"no limit for {UPSTREAM_TAG}", not any(limit.get("key") == UPSTREAM_TAG for limit in limits)),
            ("telemetry is on", instance.telemetry_enabled),
        )
        if bad
    ]
    if wrong:
        do = "take those lines from stocks_pipeline/instance/dagster.yaml, or delete your copy: the next run makes it"
        return [failed("dagster.yaml", "; ".join(wrong), do)]
    most = ", ".join(f"{limit.get('value')} {limit['limit']}" for limit in limits if limit.get("key") == UPSTREAM_TAG)
    return [ok("dagster.yaml", f"run monitoring on, telemetry off, runs at once by upstream: {most}")]


def daemon(instance: dg.DagsterInstance) -> Sequence[Finding]:
    """Whether the daemon lives: without it nothing runs by itself."""
    beats = instance.get_daemon_heartbeats()
    now = SystemClock().time()
    if not beats:
        text = "never ran on this desk: no schedule, no chain; `stocks run` works without it"
        return [warned("daemon", text, START)]
    newest = max(beat.timestamp for beat in beats.values())
    late = [name for name in DAEMONS if name not in beats or now - beats[name].timestamp > HEARTBEAT_S]
    if late:
        text = f"not running: last heartbeat {_moment(newest)}"
        return [failed("daemon", text if len(late) == len(DAEMONS) else f"{', '.join(late)} not running", START)]
    errors = [e.message.strip().splitlines()[0] for beat in beats.values() for e in beat.errors or () if e.message]
    if errors:
        return [warned("daemon", f"alive with errors: {errors[0]}", "see its log, where `make dev` runs")]
    return [ok("daemon", f"alive: last heartbeat {_moment(newest)}; the UI is at {Settings.load().alerts.ui_url}")]


def automation(instance: dg.DagsterInstance) -> Sequence[Finding]:
    """Whether the schedules and sensors of every market are on, and what their last tick said."""
    repository = defs().get_repository_def()
    states = {
        kind: {s.name: s for s in instance.all_instigator_state(instigator_type=kind)}
        for kind in (InstigatorType.SCHEDULE, InstigatorType.SENSOR)
    }
    findings = [
        _instigator(instance, "schedule", s.name, s.default_status.value, states[InstigatorType.SCHEDULE].get(s.name))
        for s in repository.schedule_defs
    ]
    return findings + [
        _instigator(instance, "sensor", s.name, s.default_status.value, states[InstigatorType.SENSOR].get(s.name))
        for s in repository.sensor_defs
    ]


def _instigator(instance: dg.DagsterInstance, kind: str, name: str, default: str, state: Any) -> Finding:
    title = f"{kind} {name}"
    stopped = state.status is InstigatorStatus.STOPPED if state else default == "STOPPED"
    if stopped:
        do = f"dagster {kind} start {name} -w workspace.yaml, or switch it on in the UI under Automation"
        return (
            ok(title, f"off, as shipped; to switch it on: {do}")
            if default == "STOPPED"
            else warned(title, "stopped", do)
        )
    ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1) if state else []
    if not ticks:
        return ok(title, "on by default; no tick yet") if not state else ok(title, "running; no tick yet")
    tick = ticks[0]
    if tick.status is TickStatus.FAILURE:
        why = tick.error.message.strip().splitlines()[0] if tick.error else "no reason recorded"
        return failed(title, f"last tick {_moment(tick.timestamp)} failed: {why}", "fix that; the next tick tells")
    said = f": {tick.skip_reason}" if tick.skip_reason else ""
    return ok(title, f"running; last tick {_moment(tick.timestamp)} {tick.status.value.lower()}{said}")


def runs(instance: dg.DagsterInstance) -> Sequence[Finding]:
    """Runs that say they run and do not, or wait without end."""
    now = SystemClock().time()
    most = instance.run_monitoring_max_runtime_seconds or 0
    dead = {run.run_id for run in dead_runs(instance)}
    status = dg.DagsterRunStatus
    waits = {status.STARTED: most, status.STARTING: QUEUED_S, status.QUEUED: QUEUED_S, status.CANCELING: CANCELING_S}
    stuck = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=[*waits, status.NOT_STARTED])):
        run = record.dagster_run
        since = record.start_time or record.create_timestamp.replace(tzinfo=UTC).timestamp()
        longest = waits.get(run.status, QUEUED_S)
        if run.run_id not in dead and longest and now - since > longest:
            stuck.append(f"{run.run_id[:8]} {run.status.value} since {_moment(since)}")
    findings = []
    if dead:
        names = ", ".join(run_id[:8] for run_id in sorted(dead))
        do = "any `stocks run` or `stocks retry` ends them, and so does the daemon within a minute"
        findings.append(failed("runs", f"recorded as running, their process is dead: {names}", do))
    if stuck:
        do = "start the daemon (make dev), or terminate them in the UI under Runs"
        findings.append(failed("runs", f"stuck: {'; '.join(stuck[:5])}", do))
    return findings or [ok("runs", "none dead, none stuck")]


def slots(instance: dg.DagsterInstance) -> Sequence[Finding]:
    """Pool slots that ended runs still hold."""
    storage = instance.event_log_storage
    holders: dict[str, set[str]] = {}
    for pool in storage.get_concurrency_keys():
        holders[pool] = {slot.run_id for slot in storage.get_concurrency_info(pool).claimed_slots}
    ids = sorted(set().union(*holders.values())) if holders else []
    live = (
        {run.run_id for run in instance.get_runs(dg.RunsFilter(run_ids=ids)) if not run.is_finished} if ids else set()
    )
    stuck = sorted(pool for pool, found in holders.items() if found - live)
    if stuck:
        do = "the daemon frees them within a minute; else the UI: Deployment, Concurrency, free slots"
        return [failed("pool slots", f"held by ended runs in {', '.join(stuck)}", do)]
    return [ok("pool slots", "none held by an ended run")]


def leftovers(instance: dg.DagsterInstance) -> Sequence[Finding]:
    """Batches of the newest days that are red or were never fetched."""
    findings = []
    for market in MARKETS.values():
        title, behind = f"{market.name} left behind", left_behind(instance, market)
        if not behind:
            findings.append(ok(title, "no batch of the newest days is red or missing"))
            continue
        days = sorted({key.split("|")[0] for key in behind})
        red = sum(state == "failed" for state in behind.values())
        do = "; ".join(f"stocks retry {market.name}/raw_prices --date {day}" for day in days)
        text = f"{red} batches red and {len(behind) - red} missing on {', '.join(days)}"
        findings.append(failed(title, text, do))
    return findings


def _moment(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M UTC")


CHECKS: Mapping[str, Callable[[dg.DagsterInstance], Sequence[Finding]]] = {
    "dagster.yaml": configuration,
    "daemon": daemon,
    "automation": automation,
    "runs": runs,
    "pool slots": slots,
    "left behind": leftovers,
}
