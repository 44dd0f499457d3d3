"""What a morning came to, counted from the lake and the instance: for `run`, `retry`, `precompute`, `status`, `demo`.

What belongs here: facts about a stored morning, and what to do about them. What does not: one ticker (standings.py)
and printing (show_morning.py).
"""

import json
import statistics
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from stocks_pipeline.cli.mornings import GROUP
from stocks_pipeline.cli.standings import NOT_BEGUN, Standing, blocks, standing_of
from stocks_pipeline.storage import layout
from stocks_pipeline.wording import counted

if TYPE_CHECKING:
    import dagster as dg

    from stocks_pipeline.storage.lake import Lake


@dataclass
class MorningReport:
    """One morning, or the tickers of it that were asked for. Money is text in US dollars; None: nobody told."""

    date: str
    tickers: int
    data_stored: int
    data_failed: dict[str, int]
    written: int
    failed: dict[str, int]
    pending: dict[str, int]
    in_work: int
    not_begun: int
    jobs: dict[str, int]
    """The newest job of each ticker, by state; one that failed for want of data is counted as no data."""
    cost_usd: str | None
    """What the reports that are there did cost, those of earlier runs too."""
    step_seconds: dict[str, float]
    """Median seconds of each step of a report."""
    standings: list[Standing] = field(default_factory=list)
    lake: str = ""
    listed: int | None = None
    """Active tickers of the list, where only some of them were asked for."""
    data_only: bool = False
    """No report was asked for."""
    older: int = 0
    """Reports that were asked for again and did not come: those of earlier executions stand."""

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        by_ticker = {s.ticker: {k: v for k, v in asdict(s).items() if k != "ticker" and v} for s in self.standings}
        rest = {name: value for name, value in asdict(self).items() if name != "standings"}
        return {**rest, "whole": self.whole, "by_ticker": by_ticker}

    @property
    def whole(self) -> bool:
        """Every ticker has its report."""
        return self.written == self.tickers

    @property
    def stuck(self) -> list[Standing]:
        """Tickers that were begun and have no report."""
        return [s for s in self.standings if s.state not in {"written", "not_begun"}]

    @property
    def troubled(self) -> list[Standing]:
        """Of those, whose work went wrong or goes on: not those of which only the report was never begun."""
        return [s for s in self.stuck if s.kind != NOT_BEGUN]

    def headline(self) -> str:
        """One sentence: is the morning whole, and if not, what is wrong with it."""
        name = f"DR morning {self.date}"
        if not self.tickers:
            return f"{name}: the list has no active ticker, so there is nothing to do."
        part = f" for the {self.tickers} of {counted(self.listed, 'ticker')} asked for" if self.listed else ""
        if self.whole:
            return f"{name} is whole{part}: {self.progress()}."
        missing = "; ".join([self.progress(), *self._lacks()])
        return f"{name}{part}: {missing}." if self.data_only else f"{name} is not whole{part}: {missing}."

    def progress(self) -> str:
        """Such as "1 of 5 reports are written"."""
        if self.data_only:
            return f"data of {self.data_stored} of {counted(self.tickers, 'ticker')} are stored"
        verb = "is" if self.tickers == 1 else "are"
        stand = f"; {counted(self.older, 'older one')} {'stands' if self.older == 1 else 'stand'}" if self.older else ""
        return f"{self.written} of {counted(self.tickers, 'report')} {verb} written{stand}"

    def _lacks(self) -> list[str]:
        without, reports = sum(self.data_failed.values()), not self.data_only
        waiting = {kind: number for kind, number in self.pending.items() if kind != NOT_BEGUN}
        ready = self.pending.get(NOT_BEGUN, 0)
        return [
            text
            for text, wrong in (
                (f"{without} with no data ({by_class(self.data_failed)})", without),
                (f"{sum(self.failed.values())} failed ({by_class(self.failed)})", reports and self.failed),
                (f"{sum(waiting.values())} pending ({by_class(waiting)})", reports and waiting),
                (f"{ready} not begun, with their data there", reports and ready),
                (f"{self.in_work} in work", reports and self.in_work),
                (f"{self.not_begun} not begun", self.not_begun),
            )
            if wrong
        ]

    def next_steps(self) -> list[tuple[str, str]]:
        """What to do about it: a reason and a command."""
        steps = []
        if self.in_work:
            steps.append(("wait, then look again", f"stocks status --date {self.date}"))
        waits = any(s.waits for s in self.standings)
        if self.failed or self.data_failed or waits:
            who = "waits" if not (self.failed or self.data_failed) else "failed or waits" if waits else "failed"
            steps.append((f"see who {who} and why", f"stocks dead-letters --date {self.date}"))
        steps += [(do, "stocks doctor") for do in blocks(self.standings)]
        again = f"stocks retry dr --date {self.date}"
        if any(not s.final for s in self.troubled if s.state != "in_work"):
            steps.append(("do what failed or is missing", again))
        elif NOT_BEGUN in self.pending:
            steps.append(("write the reports that were never begun", again))
        if self.not_begun:
            steps.append(("begin the others", f"stocks run dr --date {self.date}"))
        return steps


def morning_report(instance: "dg.DagsterInstance", lake: "Lake", day: date, tickers: Sequence[str]) -> MorningReport:
    """Count what is stored of these tickers' morning."""
    from stocks_pipeline.defs.dr.fetched import why_no_data
    from stocks_pipeline.defs.dr.job_book import standing_jobs
    from stocks_pipeline.defs.dr.morning import damaged_data
    from stocks_pipeline.defs.dr.report_state import report_state

    jobs = {name: job for name, job in standing_jobs(instance, lake, day).items() if name in set(tickers)}
    stored = {name for name in tickers if lake.exists(layout.ticker_data_key(day, name))}
    states = {name: report_state(lake, day, name, jobs.get(name)) for name in tickers}
    damaged = damaged_data(lake, day, [name for name in stored if states[name].state != "written"])
    stored -= damaged.keys()
    missing = [name for name in tickers if name not in stored]
    why = {**(why_no_data(instance, day, missing) if missing else {}), **damaged}
    payloads = [state.payload for state in states.values() if state.payload is not None]
    standings = [standing_of(name, jobs.get(name), states[name], name in stored, why.get(name)) for name in tickers]

    def kinds(state: str) -> dict[str, int]:
        return dict(Counter(s.kind for s in standings if s.state == state).most_common())

    return MorningReport(
        date=day.isoformat(),
        tickers=len(tickers),
        data_stored=len(stored),
        data_failed=kinds("no_data"),
        written=sum(s.state == "written" for s in standings),
        failed=kinds("failed"),
        pending=kinds("pending"),
        in_work=sum(s.state == "in_work" for s in standings),
        not_begun=sum(s.state == "not_begun" for s in standings),
        jobs=dict(Counter("no data" if j.lacked_data else j.status.value for j in jobs.values()).most_common()),
        cost_usd=_sum([payload["api_costs"]["usd"] for payload in payloads]),
        step_seconds=_medians([payload["timing_metrics"] for payload in payloads]),
        standings=standings,
        lake=lake.uri(f"{GROUP}/reports/{day}"),
        older=sum(s.older for s in standings),
    )


def begun_mornings(instance: "dg.DagsterInstance", lake: "Lake") -> list[date]:
    """Mornings with data or jobs, or that a recent run was to fetch, oldest first."""
    from stocks_pipeline.defs.dr.fetched import fetched_mornings

    kinds = ("ticker-data", "jobs")
    stored = {date.fromisoformat(key.split("/")[2]) for kind in kinds for key in lake.list(f"{GROUP}/{kind}/")}
    return sorted(stored | fetched_mornings(instance))


def spent(lake: "Lake", since: date, until: date, executions: Collection[str]) -> str | None:
    """What these executions paid the model between two days (UTC), by the ledger; None if one call has no price."""
    prices = []
    for offset in range((until - since).days + 1):
        for key in lake.list(f"{GROUP}/llm-calls/{since + timedelta(days=offset)}/"):
            row = json.loads(lake.read(key))
            prices += [row["cost_usd"]] if row["execution_id"] in executions else []
    return _sum(prices)


def by_class(counts: dict[str, int]) -> str:
    """`3 permanent, 1 transient`."""
    return ", ".join(f"{n:,} {kind}" for kind, n in counts.items())


def _sum(prices: Sequence[str | None]) -> str | None:
    if any(price is None for price in prices):
        return None
    return format(sum((Decimal(price) for price in prices if price), Decimal(0)).normalize(), "f")


def _medians(rows: Sequence[dict[str, float | None]]) -> dict[str, float]:
    steps = {step: [v for row in rows if (v := row.get(step)) is not None] for step in (rows[0] if rows else {})}
    return {step: round(statistics.median(values), 2) for step, values in steps.items() if values}
