"""The sensor `alerts`: what failed, is late or ended since the last look, written down and told.

What belongs here: putting the parts together, and the sensor's memory. What does not: finding facts (alert_facts.py,
lateness.py), which have one cause (domain/alert_causes.py), wording (domain/alerts.py), keeping (storage/outbox.py),
delivering (delivery.py). A failed check calls nobody in Dagster itself, and a day that never began fails nothing: both
are found here.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import dagster as dg

from stocks_pipeline.clock import Clock, SystemClock
from stocks_pipeline.defs.dr.master import listed_tickers
from stocks_pipeline.defs.market import Market
from stocks_pipeline.defs.operations import alert_facts, lateness
from stocks_pipeline.defs.operations.delivery import deliver
from stocks_pipeline.defs.us.automation import RESULTS, SESSION
from stocks_pipeline.defs.us.verdicts import RULES
from stocks_pipeline.domain import alerts
from stocks_pipeline.domain.alert_causes import by_cause
from stocks_pipeline.domain.alert_facts import Ended, FailedCheck, FailedRun, Late
from stocks_pipeline.domain.alerts import Alert
from stocks_pipeline.settings import SettingError, Settings
from stocks_pipeline.storage.outbox import SCHEMA, Outbox
from stocks_pipeline.upstream.alert_sinks import Sink

INTERVAL_S: Final = 60
OVERLAP_S: Final = 600.0
"""How far before its last look the sensor looks again: events are written later than they happened."""

FIRST_LOOK_S: Final = 86_400.0
"""How far back a sensor looks that never looked: what failed last week is no news."""

REACH_S: Final = 30 * 86_400.0
"""How far back it looks after a long sleep. What was told is remembered for longer (retention.py)."""


@dataclass(frozen=True)
class Memory:
    """The sensor's cursor: when it looked last, and since when it watches the calendar (seconds since the epoch)."""

    looked: float
    watching: float

    @classmethod
    def of(cls, cursor: str | None, now: float) -> "Memory":
        """What the cursor holds; a sensor without one begins a day ago."""
        if not cursor:
            return cls(now - FIRST_LOOK_S, now - FIRST_LOOK_S)
        found = json.loads(cursor)
        return cls(float(found["looked"]), float(found["watching"]))

    def text(self) -> str:
        """The cursor."""
        return json.dumps({"looked": self.looked, "watching": self.watching})


@dataclass(frozen=True)
class Watched:
    """What the sensor looks at."""

    markets: Sequence[Market]
    checks: Collection[dg.AssetCheckKey]
    mornings: bool
    """Whether the desk has mornings, and a receipt to fetch."""
    validations: bool
    """Whether the desk has validation sessions."""


def watched(markets: Sequence[Market], repository: dg.RepositoryDefinition | None) -> Watched:
    """What there is to look at. The checks of a validation's batches are not: its summary's say the same, once. Nor are
    those of one rule each, which `prices_agree` sums up.
    """
    if repository is None:
        return Watched(markets, [], mornings=False, validations=False)
    graph = repository.asset_graph
    checks = sorted(key for key in graph.asset_check_keys if key.asset_key != RESULTS and key.name not in RULES)
    mornings = graph.has(lateness.DR_DATA) and _any_receipt()
    return Watched(markets, checks, mornings, graph.has(SESSION))


def _any_receipt() -> bool:
    try:
        return any(ticker.active for ticker in listed_tickers())
    except SettingError:  # a list that cannot be read brings no data: that is late
        return True


def look(instance: dg.DagsterInstance, watched: Watched, outbox: Outbox, memory: Memory, now: datetime) -> list[Alert]:
    """The alerts that nobody was told yet. `now` is aware."""
    since = max(memory.looked, now.timestamp() - REACH_S) - OVERLAP_S
    # What speaks for a check is still known when the check is seen for the last time.
    runs = list(alert_facts.failed_runs(instance, since - OVERLAP_S))
    ended = list(alert_facts.ended(instance, since - OVERLAP_S))
    causes = by_cause(runs, alert_facts.failed_checks(instance, watched.checks, since), ended, now)
    watching = datetime.fromtimestamp(memory.watching, UTC)
    late = list(lateness.late_days(instance, watched.markets, watching, now))
    late += lateness.late_validations(instance, watching, now) if watched.validations else []
    late += lateness.late_mornings(instance, watching, now) if watched.mornings else []
    late += lateness.late_reports(instance, watching, now) if watched.mornings else []
    heads: list[FailedRun | FailedCheck | Late | Ended] = [*runs, *causes.checks, *late, *ended]
    untold = outbox.untold({fact.key for fact in heads})
    return [
        *(alerts.of_run(run, checks) for run, checks in causes.runs if run.key in untold),
        *alerts.of_checks(fact for fact in causes.checks if fact.key in untold),
        *(alerts.of_late(fact) for fact in late if fact.key in untold),
        *(alerts.of_ended(*found) for found in causes.ended if found[0].key in untold),
    ]


def open_outbox(settings: Settings, clock: Clock) -> Outbox:
    """The desk's outbox, in its control file.

    Raises:
        StoreError: the file cannot be used.
    """
    from stocks_pipeline.upstream.control_file import ControlFile

    return Outbox(ControlFile(settings.control_db, SCHEMA, clock=clock))


def sinks_of(settings: Settings) -> list[Sink]:
    """The sinks that the settings name."""
    from stocks_pipeline.upstream.alert_sinks import open_sink

    given = settings.alerts
    return [
        open_sink(
            name,
            webhook_url=given.webhook_url,
            sns_topic=given.sns_topic,
            event_bus=given.event_bus,
            endpoint=given.endpoint,
        )
        for name in given.sinks
    ]


def tell(outbox: Outbox, settings: Settings, clock: Clock) -> dict[str, int]:
    """Deliver what is due to the sinks of the settings; how many each took."""
    return deliver(outbox, sinks_of(settings), clock)


def alerts_sensor(markets: Sequence[Market], clock: Clock | None = None) -> dg.SensorDefinition:
    """Looks every minute. A tick fails only where the desk itself is broken: its settings or its control file."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells what failed, is late or ended, once, to the sinks of STOCKS_ALERT_SINKS.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        time = clock or SystemClock()
        settings, now = Settings.load(), time.now()
        memory = Memory.of(context.cursor, now.timestamp())
        outbox = open_outbox(settings, time)
        try:
            found = look(context.instance, watched(markets, context.repository_def), outbox, memory, now)
            found = [replace(alert, link=settings.alerts.ui_url + alert.link) for alert in found]
            # Written down before the cursor moves: a process that dies here looks again and finds them told.
            new = outbox.put(found, settings.alerts.sinks, now.timestamp())
            taken = tell(outbox, settings, time)
            waiting, errors = outbox.waiting(), outbox.errors()
        finally:
            outbox.close()
        parts = [f"{new} new alerts", *(f"{sink} took {count}" for sink, count in taken.items() if count)]
        parts += [f"{count} wait for {sink} ({errors.get(sink, 'switched off')})" for sink, count in waiting.items()]
        return dg.SensorResult(
            skip_reason="; ".join(parts) + ".", cursor=Memory(now.timestamp(), memory.watching).text()
        )

    return sensor
