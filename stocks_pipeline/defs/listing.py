"""The first stage of a market: which symbols there are, and how they are split.

What belongs here: the assets `symbols` and `symbol_batches`, and when a pinned split may change. What does not: where a
day's list comes from (day_list.py), parsing (domain/symbols.py) and HTTP (upstream/).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import partial
from typing import Any

import dagster as dg

from stocks_pipeline import __version__
from stocks_pipeline.defs.config import BatchesConfig, ListingConfig, SelectionConfig
from stocks_pipeline.defs.day_list import OWN, obtain_listing, original_day, previous_listing
from stocks_pipeline.defs.evidence import check_result, markdown_table
from stocks_pipeline.defs.market import Market
from stocks_pipeline.defs.selection import SelectionError, choose
from stocks_pipeline.domain.listing import Company
from stocks_pipeline.domain.symbols import BatchPlan, companies_from_csv, companies_to_csv, split_batches
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake

ALL = "all"
"""The selection of a plan that nobody narrowed."""


def listing_assets(market: Market) -> list[dg.AssetsDefinition]:
    """`symbols` and `symbol_batches` of one market."""
    return [_symbols(market), _symbol_batches(market)]


def _symbols(market: Market) -> dg.AssetsDefinition:
    @dg.asset(
        key=market.key("symbols"),
        partitions_def=market.sessions,
        group_name=market.name,
        kinds={"csv"},
        owners=list(market.owners),
        code_version=__version__,
        required_resource_keys={"lake", market.listing},
        check_specs=[
            dg.AssetCheckSpec(
                "listing_plausible",
                asset=market.key("symbols"),
                blocking=True,
                description="The list is not half of the one before: a truncated answer is not a market crash.",
            )
        ],
    )
    def symbols(context: dg.AssetExecutionContext, config: ListingConfig) -> Iterator[Any]:
        """Companies listed on the exchange that session, as CSV: code, name, industry, listing date, market cap."""
        from stocks_pipeline.domain.price_rules import listing_plausible

        day = date.fromisoformat(context.partition_key)
        market.require_session(day, context.log.warning)
        lake: Lake = context.resources.lake.open()
        origin = partial(original_day, context.instance, market)
        listed = obtain_listing(market, day, lake, getattr(context.resources, market.listing), config, origin)
        before = previous_listing(lake, market.name, day)
        finding = listing_plausible(
            len(listed.companies), len(before) if before is not None else None, floor=market.listing_floor
        )
        result = check_result(finding, "listing_plausible", reused_from=listed.reused_from)
        if finding.severity == "error" and not finding.passed:
            yield result  # recorded, though the step fails: an implausible list is not stored, so nothing turns green
            raise dg.Failure(f"The list is not believable, so it is not stored: {finding.summary}")
        written = lake.write(layout.symbols_key(market.name, day), companies_to_csv(listed.companies))
        rows = [{"code": c.code, "name": c.name, "industry": c.industry} for c in listed.companies[:5]]
        yield dg.MaterializeResult(
            metadata={
                "dagster/partition_row_count": len(listed.companies),
                "path": dg.MetadataValue.path(written.uri),
                "source": listed.source,
                "reused_from": str(listed.reused_from) if listed.reused_from else OWN,
                "preview": markdown_table(rows),
                **_changes(before or (), listed.companies),
            },
            check_results=[result],
        )

    return symbols


def _symbol_batches(market: Market) -> dg.AssetsDefinition:
    @dg.asset(
        key=market.key("symbol_batches"),
        deps=[market.key("symbols")],
        partitions_def=market.sessions,
        group_name=market.name,
        kinds={"json"},
        owners=list(market.owners),
        code_version=__version__,
        required_resource_keys={"lake"},
    )
    def symbol_batches(context: dg.AssetExecutionContext, config: BatchesConfig) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster refuses the subscripted form
        """The day's symbols split into numbered batches; membership stays pinned for that day."""
        day = date.fromisoformat(context.partition_key)
        lake: Lake = context.resources.lake.open()
        listed = companies_from_csv(lake.read(layout.symbols_key(market.name, day)))
        try:
            plan = pin(stored_plan(lake, market.name, day), [c.code for c in listed], config, market.batch_size, day)
        except SelectionError as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        written = lake.write(layout.batches_key(market.name, day), plan.to_json())
        numbers = [str(b.batch_number) for b in plan.batches]
        context.instance.add_dynamic_partitions(market.batches.name or "", numbers)
        return dg.MaterializeResult(
            metadata={
                "dagster/partition_row_count": len(plan.symbols),
                "path": dg.MetadataValue.path(written.uri),
                "batches": len(plan.batches),
                "selected_batches": dg.MetadataValue.json(selected_batches(plan, config)),
                "selection": selection_of(plan),
                "selected_symbols": dg.MetadataValue.json(config.symbols),
                "selected_limit": config.limit or 0,
                "preview": markdown_table(
                    [
                        {
                            "batch": b.batch_number,
                            "symbols": len(b.symbols),
                            "first": b.symbols[0],
                            "last": b.symbols[-1],
                        }
                        for b in plan.batches[:25]
                    ]
                ),
            }
        )

    return symbol_batches


def stored_plan(lake: Lake, market: str, day: date) -> BatchPlan | None:
    """The day's pinned split, or None."""
    key = layout.batches_key(market, day)
    return BatchPlan.from_json(lake.read(key)) if lake.exists(key) else None


def pin(stored: BatchPlan | None, listed: Sequence[str], config: BatchesConfig, size: int, day: date) -> BatchPlan:
    """The day's split: the stored one unless it is missing, was for fewer symbols than asked now, or `repin` is set.

    A re-run of yesterday's batch 3 must fetch yesterday's symbols even when listings changed overnight, and a trial
    run with `limit=5` must not shrink a full day. A trial run's small plan gives way to a larger one.
    """
    if stored and not config.repin and selection_of(stored) == ALL:
        choose(stored.symbols, config.limit, config.symbols)  # a name that the pinned day does not hold is refused now
        return stored
    wanted = choose(listed, config.limit, config.symbols)
    if stored and not config.repin and set(wanted) <= set(stored.symbols):
        return stored
    return BatchPlan(
        symbols=tuple(wanted),
        batches=split_batches(wanted, size),
        metadata={
            "date": day.isoformat(),
            "total_symbols": len(wanted),
            "total_batches": -(-len(wanted) // size),
            "batch_size": size,
            "listed": len(listed),
            "selection": _selection(config),
        },
    )


def selected_batches(plan: BatchPlan, config: SelectionConfig) -> list[int]:
    """The batches that hold a symbol of the selection; a fetch of the others would have nothing to ask."""
    chosen = set(choose(plan.symbols, config.limit, config.symbols))
    return [batch.batch_number for batch in plan.batches if chosen.intersection(batch.symbols)]


def selection_of(plan: BatchPlan) -> str:
    """Which symbols the plan was made for; one that does not say so (the seed's updater wrote it) is for all."""
    return str(plan.metadata.get("selection", ALL))


def _selection(config: SelectionConfig) -> str:
    if config.symbols:
        return f"symbols {', '.join(config.symbols[:10])}"
    return f"limit {config.limit}" if config.limit else ALL


def _changes(before: Iterable[Company], now: Iterable[Company]) -> dict[str, str]:
    """Listed and delisted since the list before, as people read it; empty when there is none before."""
    old, new = {c.code for c in before}, {c.code for c in now}
    if not old:
        return {}
    came, went = sorted(new - old), sorted(old - new)
    return {
        "newly_listed": f"{len(came)}: {', '.join(came[:20])}" if came else "none",
        "delisted": f"{len(went)}: {', '.join(went[:20])}" if went else "none",
    }
