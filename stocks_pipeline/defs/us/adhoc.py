"""A validation session beside the day's own: given symbols, another lookback or profile, whenever somebody asks.

What belongs here: `validation_adhoc`, its job and its config. What does not: the day's own session (validation.py),
checking a batch (checking.py).

One run is one session, which it names by its own id: open, check batch by batch, sum up. It has files of its own, so
the day's session, its colours and its checks stay what they were (docs/decisions/0006-sessions-beside-the-day.md).
"""

import threading
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from stocks_pipeline import __version__
from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.automation import UPSTREAM_TAG
from stocks_pipeline.defs.resources import LakeResource, TwelveDataResource
from stocks_pipeline.defs.selection import choose
from stocks_pipeline.defs.us import US
from stocks_pipeline.defs.us.at_work import alone_with
from stocks_pipeline.defs.us.session_book import SessionBook
from stocks_pipeline.defs.us.validation import current_plan, symbols_of, workers
from stocks_pipeline.defs.us.verdicts import (
    batch_metadata,
    session_check_results,
    session_check_specs,
    session_metadata,
)
from stocks_pipeline.defs.us.waiting import first_step
from stocks_pipeline.domain.validation_types import Profile
from stocks_pipeline.pool import run_bounded
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.storage.validation_keys import SessionPlace

if TYPE_CHECKING:
    from stocks_pipeline.domain.validation_session import Session

KEY = US.key("validation_adhoc")


class AdhocConfig(dg.Config):
    """What to look at, beside the day's own session."""

    symbols: list[str] = Field(default=[], description="Only these; empty: all of the day's symbols.")
    date: str = Field(default="", description="The session, 2026-01-05; empty: the newest that has closed.")
    lookback_days: int = Field(default=5, ge=1, le=365, description="Calendar days compared, up to the session.")
    profile: str = Field(default="standard", pattern="^(standard|strict)$", description="standard or strict.")
    session: str = Field(default="", description="Go on with this ad-hoc session of that date; the rest is not read.")


@dg.asset(
    key=KEY,
    deps=[US.key("daily_prices")],
    group_name=US.name,
    kinds={"twelvedata", "parquet"},
    owners=list(US.owners),
    code_version=__version__,
    check_specs=session_check_specs(KEY),
)
def validation_adhoc(
    context: dg.AssetExecutionContext,
    config: AdhocConfig,
    lake: LakeResource,
    twelve_data: dg.ResourceParam[TwelveDataResource],
    clock: dg.ResourceParam[Clock],
) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]  # Dagster refuses the subscripted form
    """A session beside the day's own: some symbols, or another lookback or profile. It never counts as the day's."""
    from stocks_pipeline.defs.us.checking import BatchCheck, open_batches
    from stocks_pipeline.defs.us.summing import sum_up

    store, stop = lake.open(), threading.Event()
    book, session = _opened(context, config, store, clock)
    context.log_event(dg.AssetObservation(KEY, metadata=session.trigger_response()))
    failures = []
    with alone_with(context, store, book.place), twelve_data.open(store, book.place) as vendor:
        work = BatchCheck(session, book, vendor, clock, US.calendar(), stop, current_plan().batch_size)
        numbers = open_batches(store, book.place, session)
        for result in run_bounded(numbers, lambda n: work.stored(n) or work.check(n), workers=workers(), stop=stop):
            if result.value is not None:
                context.log_event(dg.AssetObservation(KEY, metadata=batch_metadata(result.value)))
            elif result.error is not None:
                failures.append(f"batch {result.key}: {result.error}")
    summed = sum_up(store, book.place)
    if summed is None:
        raise dg.Failure(f"{session.session_id} was deleted while it was checked", allow_retries=False)
    yield dg.MaterializeResult(
        metadata=session_metadata(summed, summed.write(store)), check_results=session_check_results(KEY, summed)
    )
    if failures:
        step = first_step(book.place, summed.waits)
        raise dg.Failure(f"{'; '.join(failures[:3])}. {step}", {"next_step": step}, allow_retries=False)


def _opened(
    context: dg.AssetExecutionContext, config: AdhocConfig, store: Lake, clock: Clock
) -> "tuple[SessionBook, Session]":
    """The session that the config means: a stored one, or this run's own."""
    try:
        day = date.fromisoformat(config.date) if config.date else US.calendar().latest_closed(clock.now())
        name = config.session or session_name(context.run)
        book = SessionBook(store, SessionPlace(US.name, day, name), clock)
        if config.session:
            return book, _stored(book)
        US.require_session(day, context.log.warning)
        chosen, plan = choose(symbols_of(store, day), None, config.symbols), current_plan()
        profile, days = Profile(config.profile), config.lookback_days
        return book, book.begin(chosen, plan, lookback_days=days, profile=profile)
    except ValueError as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def session_name(run: dg.DagsterRun) -> str:
    """The id of the session that a run begins. A re-execution goes on with the first's."""
    return f"session-{run.root_run_id or run.run_id}"


def goes_on(place: SessionPlace) -> dict[str, Any]:
    """The run config that goes on with this session."""
    config = {"date": place.day.isoformat(), "session": place.adhoc}
    return {"ops": {KEY.to_python_identifier(): {"config": config}}}


def _stored(book: SessionBook) -> "Session":
    session = book.get()
    if session is None:
        raise ValueError(f"{book.place.record} is not there; stocks validation list shows the sessions there are")
    return session


adhoc_job = dg.define_asset_job(
    "us_validation_adhoc",
    selection=[KEY],
    description="Check some symbols beside the day's own session; give them in the config.",
    tags={UPSTREAM_TAG: "twelvedata"},
)
