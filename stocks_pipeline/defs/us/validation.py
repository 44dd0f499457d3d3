"""The check against a second vendor as assets: the session, its results batch by batch, and the summary.

What belongs here: `validation_batches`, `validation_results`, `validation_summary`, and what the UI shows of them. What
does not: checking one batch (checking.py), the record (session_book.py), what starts them (automation.py).
"""

import threading
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from stocks_pipeline import __version__
from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.listing import stored_plan
from stocks_pipeline.defs.resources import LakeResource, TwelveDataResource
from stocks_pipeline.defs.us import US
from stocks_pipeline.defs.us.at_work import alone_with, session_failure
from stocks_pipeline.defs.us.session_book import OtherSessionError, SessionBook
from stocks_pipeline.defs.us.verdicts import (
    CHECKS,
    batch_metadata,
    session_check_results,
    session_check_specs,
    session_metadata,
    verdict_checks,
)
from stocks_pipeline.defs.us.waiting import deferred, step_told
from stocks_pipeline.domain.plans import Plan, plan_named
from stocks_pipeline.domain.validation_types import Profile
from stocks_pipeline.fanout import FanOutEvent, Made, fan_out, fan_out_asset
from stocks_pipeline.partitions import parse_batch_key, validation_session_batches
from stocks_pipeline.partitions import validation_batches as batch_partitions
from stocks_pipeline.settings import Settings
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.validation_keys import SessionPlace

if TYPE_CHECKING:
    from stocks_pipeline.defs.us.checking import BatchCheck, Checked

_SUMMARY = US.key("validation_summary")


class ValidationConfig(dg.Config):
    """How strictly the day's own session is; one of given symbols is us/validation_adhoc."""

    lookback_days: int = Field(default=5, ge=1, le=365, description="Calendar days compared, up to the session.")
    profile: str = Field(default="standard", pattern="^(standard|strict)$", description="standard or strict.")
    anew: bool = Field(default=False, description="A new session although one of the day stands.")


@dg.asset(
    key=US.key("validation_batches"),
    deps=[US.key("daily_prices")],
    partitions_def=US.sessions,
    group_name=US.name,
    kinds={"json"},
    owners=list(US.owners),
    code_version=__version__,
)
def validation_batches(
    context: dg.AssetExecutionContext, config: ValidationConfig, lake: LakeResource, clock: dg.ResourceParam[Clock]
) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster refuses the subscripted form
    """The validation session of the day: its record, and its symbols in batches of what the vendor's plan allows."""
    day, store = date.fromisoformat(context.partition_key), lake.open()
    US.require_session(day, context.log.warning)
    plan, book = current_plan(), SessionBook(store, SessionPlace(US.name, day), clock)
    try:
        session = book.open(
            symbols_of(store, day),
            plan,
            lookback_days=config.lookback_days,
            profile=Profile(config.profile),
            anew=config.anew,
        )
    except OtherSessionError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    numbers = [str(batch.batch_number) for batch in session.batches]
    context.instance.add_dynamic_partitions(batch_partitions(US.name).name or "", numbers)
    return dg.MaterializeResult(
        metadata={
            **session.trigger_response(),
            "session_status": session.status.value,
            "profile": session.profile.value,
            "lookback_days": session.lookback_days,
            "plan": f"{plan.name}: {plan.credits_per_minute} credits a minute",
            "path": dg.MetadataValue.path(store.uri(book.place.record)),
        }
    )


@fan_out_asset(
    US.key("validation_results"),
    partitions_def=validation_session_batches(US.name, US.timezone),
    checks=CHECKS,
    deps=[US.key("validation_batches")],
    group_name=US.name,
    kinds={"twelvedata", "parquet"},
    owners=list(US.owners),
    code_version=__version__,
)
def validation_results(
    context: dg.AssetExecutionContext,
    lake: LakeResource,
    twelve_data: dg.ResourceParam[TwelveDataResource],
    clock: dg.ResourceParam[Clock],
) -> Iterator[FanOutEvent]:
    """One verdict a symbol: our bars against the second vendor's, with the likely cause of every difference."""
    from stocks_pipeline.defs.us.checking import BatchCheck

    store, stop = lake.open(), threading.Event()
    days = {parse_batch_key(key)[0] for key in context.partition_keys}
    if len(days) > 1:
        raise dg.Failure(f"One session a run, not {len(days)}: start a run for each day.", allow_retries=False)
    book = SessionBook(store, SessionPlace(US.name, min(days)), clock)
    with alone_with(context, store, book.place), step_told(book), twelve_data.open(store, book.place) as vendor:
        session = book.get()
        if session is None:
            raise _no_session(book.place.day)
        work = BatchCheck(session, book, vendor, clock, US.calendar(), stop, current_plan().batch_size)
        keys = [k for k in context.partition_keys if parse_batch_key(k)[1] < session.total_batches]
        yield from fan_out(
            context,
            lambda key: _made(book.place, work.check(parse_batch_key(key)[1])),
            reuse=lambda key: _reused(work, parse_batch_key(key)[1]),
            keys=keys,
            max_workers=workers(),
            stop=stop,
            describe_failure=session_failure,
        )


@dg.asset(
    key=_SUMMARY,
    deps=[US.key("validation_results")],
    partitions_def=US.sessions,
    group_name=US.name,
    kinds={"json"},
    owners=list(US.owners),
    code_version=__version__,
    check_specs=session_check_specs(_SUMMARY),
)
def validation_summary(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster refuses the subscripted form
    """What the day's own session came to: what differs and why probably, what could not be checked, credits used."""
    from stocks_pipeline.defs.us.summing import sum_up

    day, store = date.fromisoformat(context.partition_key), lake.open()
    summed = sum_up(store, SessionPlace(US.name, day))
    if summed is None:
        raise _no_session(day)
    return dg.MaterializeResult(
        metadata=session_metadata(summed, summed.write(store)), check_results=session_check_results(_SUMMARY, summed)
    )


def symbols_of(store: Lake, day: date) -> tuple[str, ...]:
    """The day's symbols.

    Raises:
        dagster.Failure: the day was never split.
    """
    split = stored_plan(store, US.name, day)
    if split is None:
        raise dg.Failure(f"{day} has no symbols yet; run: stocks run us --date {day}", allow_retries=False)
    return tuple(split.symbols)


def current_plan() -> Plan:
    """The vendor's plan as it is set now; a session keeps the batches of the plan it was opened under."""
    return plan_named(Settings.load().second_vendor.plan)


def workers() -> int:
    """How many batches may be under way at once: as many as a minute of the plan holds."""
    plan = current_plan()
    return max(1, min(8, plan.credits_per_minute // plan.batch_size))


def _no_session(day: date) -> dg.Failure:
    return dg.Failure(
        f"{day} has no validation session; materialize us/validation_batches first, or run: "
        f"stocks validate --date {day}",
        allow_retries=False,
    )


def _reused(work: "BatchCheck", batch: int) -> Made | None:
    stored = work.stored(batch)
    return None if stored is None else _made(work.book.place, stored, reused=True)


def _made(place: SessionPlace, checked: "Checked", *, reused: bool = False) -> Made:
    return Made(
        metadata=batch_metadata(checked),
        data_version=checked.stored.data_version,
        checks=verdict_checks(place, checked.results, deferred(place, checked.results)),
        reused_from=checked.stored.key if reused else None,
    )
