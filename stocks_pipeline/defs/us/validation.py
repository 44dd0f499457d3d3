"""The check against a second vendor as assets: the session, its results batch by batch, and the summary.

What belongs here: `validation_batches`, `validation_results`, `validation_summary`, and what the UI shows of them. What
does not: checking one batch (checking.py), the record (session_book.py), what starts them (automation.py).
"""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from stocks_pipeline import __version__
from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.evidence import markdown_table
from stocks_pipeline.defs.listing import stored_plan
from stocks_pipeline.defs.resources import LakeResource, TwelveDataResource
from stocks_pipeline.defs.selection import SelectionError, choose
from stocks_pipeline.defs.us import US
from stocks_pipeline.defs.us.session_book import OtherSessionError, SessionBook
from stocks_pipeline.defs.us.verdicts import failed_rows, verdict_checks
from stocks_pipeline.domain.plans import plan_named
from stocks_pipeline.domain.validation_types import Profile, Status
from stocks_pipeline.fanout import FanOutEvent, Made, fan_out, fan_out_asset
from stocks_pipeline.partitions import parse_batch_key, validation_session_batches
from stocks_pipeline.partitions import validation_batches as batch_partitions
from stocks_pipeline.settings import Settings
from stocks_pipeline.storage import layout

if TYPE_CHECKING:
    from stocks_pipeline.defs.us.checking import BatchCheck, Checked

CHECKS = {
    "prices_agree": "Every checked symbol agrees with the second vendor, or differs only by the dividend basis.",
    "all_checked": "No symbol was left without a verdict: could not check is neither passed nor failed.",
}


class ValidationConfig(dg.Config):
    """What to validate and how strictly."""

    symbols: list[str] = Field(default=[], description="Only these; empty: all of the day's symbols.")
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
    split = stored_plan(store, US.name, day)
    if split is None:
        raise dg.Failure(f"{day} has no symbols yet; run: stocks run us --date {day}", allow_retries=False)
    plan = plan_named(Settings.load().second_vendor.plan)
    try:
        session = SessionBook(store, US.name, day, clock).open(
            choose(split.symbols, None, config.symbols),
            plan,
            lookback_days=config.lookback_days,
            profile=Profile(config.profile),
            anew=config.anew,
        )
    except (SelectionError, OtherSessionError) as error:
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
            "path": dg.MetadataValue.path(store.uri(layout.validation_session_key(US.name, day))),
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
    day = min(days)
    book = SessionBook(store, US.name, day, clock)
    session = book.get()
    if session is None:
        raise _no_session(day)
    plan = plan_named(Settings.load().second_vendor.plan)
    with twelve_data.open(store, US.name, day) as vendor:
        work = BatchCheck(US.name, day, session, book, store, vendor, clock, US.calendar(), stop)
        keys = [k for k in context.partition_keys if parse_batch_key(k)[1] < session.total_batches]
        yield from fan_out(
            context,
            lambda key: _made(work.check(parse_batch_key(key)[1])),
            reuse=lambda key: _reused(work, parse_batch_key(key)[1]),
            keys=keys,
            max_workers=max(1, min(8, plan.credits_per_minute // plan.batch_size)),
            stop=stop,
        )


@dg.asset(
    key=US.key("validation_summary"),
    deps=[US.key("validation_results")],
    partitions_def=US.sessions,
    group_name=US.name,
    kinds={"json"},
    owners=list(US.owners),
    code_version=__version__,
    check_specs=[
        dg.AssetCheckSpec("prices_agree", asset=US.key("validation_summary"), description=CHECKS["prices_agree"]),
        dg.AssetCheckSpec("all_checked", asset=US.key("validation_summary"), description=CHECKS["all_checked"]),
        dg.AssetCheckSpec(
            "credits_kept",
            asset=US.key("validation_summary"),
            description="The day's calls never took more credits in any 60 s, nor in the day, than the plan allows.",
        ),
    ],
)
def validation_summary(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster refuses the subscripted form
    """What the session came to: counts, failed symbols by cause, what could not be checked, credits used."""
    from stocks_pipeline.defs.us.summing import sum_up

    day, store = date.fromisoformat(context.partition_key), lake.open()
    summed = sum_up(store, US.name, day)
    if summed is None:
        raise _no_session(day)
    written = store.write(layout.validation_summary_key(US.name, day), json.dumps(summed.document, indent=1).encode())
    names = ("prices_agree", "all_checked")
    checks = {check.name: check for check in verdict_checks(summed.results, summed.missing)}
    return dg.MaterializeResult(
        metadata={
            **{name: value for name, value in summed.document.items() if isinstance(value, int | str)},
            "batches": dg.MetadataValue.json(summed.document["batches"]),
            "failed_symbols": dg.MetadataValue.json(summed.document["failed_symbols"]),
            "failed": markdown_table(failed_rows(summed.results)),
            "path": dg.MetadataValue.path(written.uri),
        },
        check_results=[
            *(
                dg.AssetCheckResult(
                    check_name=name,
                    passed=checks[name].passed,
                    severity=checks[name].severity,
                    description=checks[name].description,
                    metadata=dict(checks[name].metadata),
                )
                for name in names
            ),
            dg.AssetCheckResult(
                check_name="credits_kept",
                passed=summed.audit.passed,
                severity=dg.AssetCheckSeverity.ERROR,
                description=summed.audit.reason or f"At most {summed.audit.worst_minute} credits in any minute.",
                metadata={"worst_minute": summed.audit.worst_minute, "calls": summed.audit.calls},
            ),
        ],
    )


def _no_session(day: date) -> dg.Failure:
    return dg.Failure(
        f"{day} has no validation session; materialize us/validation_batches first, or run: "
        f"stocks validate --date {day}",
        allow_retries=False,
    )


def _reused(work: "BatchCheck", batch: int) -> Made | None:
    stored = work.stored(batch)
    return None if stored is None else _made(stored, reused=True)


def _made(checked: "Checked", *, reused: bool = False) -> Made:
    counts = Counter(result.status for result in checked.results)
    return Made(
        metadata={
            "dagster/partition_row_count": len(checked.results),
            "batch_number": checked.batch,
            "credits": checked.asked,
            **{status.value: counts[status] for status in Status},
            "failed_symbols": markdown_table(failed_rows(checked.results)),
            "path": dg.MetadataValue.path(checked.stored.uri),
            "seconds_check": round(checked.seconds, 3),
        },
        data_version=checked.stored.data_version,
        checks=verdict_checks(checked.results, 0),
        reused_from=checked.stored.key if reused else None,
    )
