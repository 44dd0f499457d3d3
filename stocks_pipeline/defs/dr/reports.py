"""A report for each ticker before anyone asks: the asset `dr/ticker_reports` and what the UI shows of it.

What belongs here: the asset, its checks and metadata, and what the reports of a run share. What does not: writing one
report (writing.py), its files (report_files.py), asking the model (telling.py), its answers and ledger (keeping.py).
"""

import base64
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import dagster as dg

from stocks_pipeline import __version__
from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.dr.config import ReportsConfig
from stocks_pipeline.defs.dr.data import chosen_tickers
from stocks_pipeline.defs.dr.fetched import NoData, why_no_data
from stocks_pipeline.defs.dr.job_book import JobBook, asked_of, close_abandoned, execution_of
from stocks_pipeline.defs.dr.master import GROUP, OWNERS, run_keys
from stocks_pipeline.defs.dr.run_log import RunLog
from stocks_pipeline.defs.evidence import lake_failure, markdown_table
from stocks_pipeline.defs.resources import LakeResource, NarratorResource, NewsResource
from stocks_pipeline.fanout import FanOutEvent, Made, PartitionCheck, fan_out, fan_out_asset
from stocks_pipeline.partitions import morning_tickers, parse_ticker_key
from stocks_pipeline.settings import Settings
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.upstream.failures import UpstreamError, redact

if TYPE_CHECKING:
    from stocks_pipeline.defs.dr.report_files import Written
    from stocks_pipeline.defs.dr.writing import ReportDesk

LEAST_SCORE = 6.0
"""Overall quality below which a report is shown with a warning."""

THUMBNAIL_PPI = 28.0
"""Small: it goes into the event log of every partition, 46 a morning; the whole picture is the file beside it."""

CHECKS = {
    "numbers_grounded": "Every number, date and name in the text is a stored fact, verified by independent formulas.",
    "sections_complete": "All sections are written; news only where there is any.",
    "data_fresh": "The report is about the newest session that had closed by the morning.",
    "score_at_least": f"The overall quality score is {LEAST_SCORE:g} or more.",
}


@fan_out_asset(
    f"{GROUP}/ticker_reports",
    partitions_def=morning_tickers(),
    checks=CHECKS,
    deps=[dg.AssetKey([GROUP, "ticker_data"])],
    group_name=GROUP,
    kinds={"openai", "json"},
    owners=list(OWNERS),
    code_version=__version__,
)
def ticker_reports(  # noqa: PLR0913, PLR0917 - Dagster hands in each resource by name
    context: dg.AssetExecutionContext,
    config: ReportsConfig,
    lake: LakeResource,
    narrator: dg.ResourceParam[NarratorResource],
    news: dg.ResourceParam[NewsResource],
    clock: dg.ResourceParam[Clock],
) -> Iterator[FanOutEvent]:
    """The morning's report of one ticker: text, chart, scores, and the evidence of every number in it."""
    from stocks_pipeline.defs.dr.keeping import KeptAnswers, Ledger
    from stocks_pipeline.defs.dr.morning import MorningData
    from stocks_pipeline.defs.dr.morning_news import MorningNews
    from stocks_pipeline.defs.dr.morning_peers import MorningPeers
    from stocks_pipeline.defs.dr.writing import ReportDesk

    store, stop, settings = lake.open(), threading.Event(), Settings.load()
    llm, played = settings.llm, settings.base_url is not None
    chosen = chosen_tickers(store, config.tickers)
    everyone = {**chosen_tickers(store, []), **chosen}
    keys = run_keys(context.partition_keys, chosen, config.limit)
    execution = execution_of(context.instance, context.run)
    kept = KeptAnswers(store, only_of=execution if config.rewrite else None, stop=stop)
    with narrator.open(kept, Ledger(store).record) as model, news.open() as source:
        desks: dict[date, ReportDesk] = {}
        refusals: list[UpstreamError] = []
        for day, names in _by_day(keys).items():
            book = JobBook(store, day, execution, asked_of(context.run, config), clock, config.rewrite)
            book.open(names)  # a complete record for every ticker of the morning, before any work starts
            close_abandoned(context.instance, book, names)
            why = _why_missing(context.instance, store, day, names)
            data = MorningData(store, day, frozenset(everyone), why)
            headlines = MorningNews(store, source, day, execution, clock, config.rewrite)
            peers = MorningPeers(store, data, execution, clock, config.rewrite)
            desks[day] = ReportDesk(
                store, data, everyone, model, headlines, peers, clock, book, llm.language, stop, played, refusals
            )
        said = RunLog(context.log.info)
        make, many = _Work(desks, said).make, llm.concurrency
        events = fan_out(context, make, keys=keys, max_workers=many, stop=stop, describe_failure=lake_failure)
        yield from _logged(events, said)


def _logged(events: Iterator[FanOutEvent], said: RunLog) -> Iterator[FanOutEvent]:
    """The events, and between them what the workers have said."""
    try:
        for event in events:
            yield event
            said.flush(at_least=40)
    finally:
        said.flush()


def _why_missing(instance: dg.DagsterInstance, store: Lake, day: date, names: list[str]) -> dict[str, NoData]:
    """Of those without stored data, what the fetches said."""
    missing = [name for name in names if not store.exists(layout.ticker_data_key(day, name))]
    return why_no_data(instance, day, missing) if missing else {}


def _by_day(keys: list[str]) -> dict[date, list[str]]:
    found: dict[date, list[str]] = {}
    for day, name in map(parse_ticker_key, keys):
        found.setdefault(day, []).append(name)
    return found


@dataclass(frozen=True)
class _Work:
    desks: "dict[date, ReportDesk]"
    log: RunLog

    def make(self, key: str) -> Made:
        day, name = parse_ticker_key(key)
        desk = self.desks[day]
        job = desk.book.get(name).job_id  # it names the execution too, and every line has it
        lines = [f"Processing job {job} for {name}"]
        try:
            written = desk.write(name)
        except Exception as error:
            self.log.add(*lines, f"Job {job} not completed for {name}: {' '.join(redact(str(error)).split())}")
            raise
        took = written.payload["timing_metrics"]["ai_analysis"]
        lines.append(f"Agent analysis complete for {name}: {written.tries} answers, {took} s, job {job}")
        lines.append(f"Cached report {written.key} for {name}: {written.size} bytes, job {job}")
        lines.append(f"Completed job {job}")
        self.log.add(*lines)
        return Made(metadata=report_metadata(written), data_version=written.sha256[:32], checks=_checks(written))


def report_metadata(written: "Written") -> dict[str, Any]:
    """What the UI shows of one report: the picture, the text, scores, seconds, cost, and where it lies."""
    from stocks_pipeline.domain.reports.render import svg_to_png
    from stocks_pipeline.domain.reports.world import world_note

    payload = written.payload
    thumbnail = base64.b64encode(svg_to_png(written.chart_svg, ppi=THUMBNAIL_PPI)).decode()
    usd, world = payload["api_costs"]["usd"], world_note(payload)
    return {
        "chart": dg.MetadataValue.md(f"![{written.ticker.dr}](data:image/png;base64,{thumbnail})"),
        "report": dg.MetadataValue.md(payload["narrative_report"]),
        **({"simulated": world} if world else {}),
        "stance": payload["stance"],
        "session": payload["session"],
        "scores": markdown_table(
            [
                {"score": name, "value": score["value"], "absent because": score["reason"]}
                for name, score in payload["score_parts"].items()
            ]
        ),
        "numbers_checked": payload["verdict"]["numbers_checked"],
        "sentences_not_verified": "\n".join(one["text"] for one in payload["verdict"]["doubts"]) or "none",
        "tries": written.tries,
        "news": written.news_error or f"{len(payload['news_items'])} headlines",
        "cost_usd": float(Decimal(usd)) if usd is not None else "not told by the provider",
        "report_size": written.size,
        "generated_at": payload["generated_at"],
        "path": dg.MetadataValue.path(written.uri),
        **{f"seconds_{step}": took for step, took in payload["timing_metrics"].items() if took is not None},
    }


def _checks(written: "Written") -> list[PartitionCheck]:
    payload = written.payload
    scores = payload["user_facing_scores"]
    session, overall = date.fromisoformat(payload["session"]), scores.get("overall")
    verdict = payload["verdict"]
    sections = [line for line in payload["narrative_report"].splitlines() if line.startswith("## ")]
    wanted = 4 + bool(payload["news_items"])
    warn = dg.AssetCheckSeverity.WARN
    return [
        PartitionCheck(
            "numbers_grounded",
            bool(verdict["passed"] and verdict["numbers_checked"]),
            metadata={
                "numbers_checked": verdict["numbers_checked"],
                "sentences_not_verified": len(verdict["doubts"]),
                "answers_asked_for": written.tries,
            },
            description=f"{verdict['numbers_checked']} numbers, dates and names verified; "
            f"{len(verdict['doubts'])} sentences without a value could not be.",
        ),
        PartitionCheck(
            "sections_complete", len(sections) >= wanted, metadata={"sections": len(sections), "expected": wanted}
        ),
        PartitionCheck(
            "data_fresh",
            session >= written.expected,
            warn,
            metadata={"session": session.isoformat(), "expected": written.expected.isoformat()},
        ),
        PartitionCheck(
            "score_at_least",
            overall is not None and overall >= LEAST_SCORE,
            warn,
            metadata={"overall": overall if overall is not None else "absent", "least": LEAST_SCORE},
        ),
    ]
