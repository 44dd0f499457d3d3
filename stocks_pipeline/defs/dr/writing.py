"""One report: from stored bars to a durable file, step by step, free of Dagster.

What belongs here: `ReportDesk`, the work behind one `ticker_reports` partition, and its order. What does not: facts,
prose, verdicts and pictures (domain/reports/), files (report_files.py), which news and peers there are
(morning_news.py, morning_peers.py), the model (upstream/narrator.py), events (reports.py).

The order is the seed's, with its fault mended: job in progress → facts → peers → news → model → verdict → chart →
files, the payload last → job completed. A report that the verifier refuses is not written; the model is told what was
wrong and asked once more.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.dr.job_book import JobBook
from stocks_pipeline.defs.dr.morning import MorningData
from stocks_pipeline.defs.dr.morning_news import MorningNews
from stocks_pipeline.defs.dr.morning_peers import MorningPeers, Others
from stocks_pipeline.defs.dr.report_files import ReportFiles, Written
from stocks_pipeline.defs.dr.report_state import STOPPING
from stocks_pipeline.defs.dr.telling import Model, Telling
from stocks_pipeline.domain.jobs import JobStatus, result_of
from stocks_pipeline.domain.news import NewsItem
from stocks_pipeline.domain.reports.facts import FactSheet, build_facts
from stocks_pipeline.domain.reports.payload import Execution, Timings, build_payload
from stocks_pipeline.domain.reports.placeholders import Narrative
from stocks_pipeline.domain.reports.prompt import messages
from stocks_pipeline.domain.reports.scores import score_report
from stocks_pipeline.domain.reports.world import world_of
from stocks_pipeline.domain.tickers import Ticker
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.limits import Cancelled

if TYPE_CHECKING:
    from stocks_pipeline.domain.reports.verifier import Verdict


class StoppedError(UpstreamError):
    """A ticker whose run was stopped before its turn."""

    @property
    def next_step(self) -> str:
        return "The run was stopped before its turn: retry."


@dataclass(frozen=True)
class _Stored:
    """What the lake has of one ticker, and whom it is compared with."""

    ticker: Ticker
    bars: Any
    company: Mapping[str, Any]
    no_company: str
    others: Others


@dataclass(frozen=True)
class ReportDesk:
    """Writes the reports of one morning and execution. Its methods run in many threads."""

    lake: Lake
    data: MorningData
    tickers: Mapping[str, Ticker]
    model: Model
    news: MorningNews
    peers: MorningPeers
    clock: Clock
    book: JobBook
    language: str = "en"
    stop: threading.Event = field(default_factory=threading.Event)
    played: bool = False
    """The sandbox plays the model and the news feed: nothing is paid."""
    refusals: list[UpstreamError] = field(default_factory=list)
    """Why the stage was stopped, the first reason first; as `stop`, it is shared by all mornings of a run."""

    def write(self, name: str) -> Written:
        """The report of one ticker, stored.

        Raises:
            UpstreamError: no stored data (permanent, nothing is asked of anyone), the model's failure, or (malformed)
                a text that the verifier refused twice.
        """
        ticker = self.tickers[name]
        if self.book.get(name).status is JobStatus.COMPLETED:
            return self.files.finished(ticker)
        self.book.start(name)
        try:
            written = self._write(ticker)
        except UpstreamError as error:
            if error.kind in STOPPING:
                self.refusals.append(error)
                self.stop.set()  # here, not when the run hears of it: until then its other threads would go on
                self.book.put_back(name, error)
            else:
                self.book.fail(name, error)
            raise
        except Cancelled as cancelled:
            self.book.put_back(name, self._stopped(name, cancelled))
            raise
        except Exception as error:  # the record says how the work ended, whatever ended it
            self.book.fail(name, error)
            raise
        self.book.complete(name, result_of(name, "success", pdf_key=written.payload["pdf_key"]))
        return written

    def _stopped(self, name: str, cancelled: Cancelled) -> UpstreamError:
        """Why this ticker was not gone on with: what stopped the stage, else that somebody did."""
        if not self.refusals:
            return StoppedError(FailureKind.TRANSIENT, "dr", name, f"not written: {cancelled}", attempts=0)
        first = self.refusals[0]
        said = f"not written: {first.subject or 'a call'} was refused before it: {first.message}"
        return replace(first, subject=name, message=said if first.attempts else first.message, attempts=0)

    @property
    def files(self) -> ReportFiles:
        """What this execution writes."""
        return ReportFiles(self.lake, self.data, self.book.execution_id, self.clock, self.language)

    @property
    def day(self) -> date:
        """The morning."""
        return self.data.day

    def _write(self, ticker: Ticker) -> Written:
        seconds: dict[str, float] = {}
        stored = self._timed(seconds, "fetch_data", lambda: self._of(ticker))
        news, news_error = self._timed(seconds, "news", lambda: self._headlines(stored))
        sheet = self._facts(stored, news)
        check = self._check(stored, sheet, news)
        told = Telling(self.model, self.book.get(ticker.dr), sheet, check, self.language)
        self._timed(seconds, "ai_analysis", lambda: told.narrate(self.stop))
        svg, png = self._timed(seconds, "chart", lambda: self.files.chart(sheet, stored.bars))
        payload = build_payload(
            sheet=sheet,
            narrative=told.narrative,
            verdict=told.verdict,
            scores=score_report(told.narrative, sheet, told.verdict, language=self.language),
            chart_png=png,
            news=news,
            timings=Timings(**seconds),
            costs=told.costs(),
            execution=Execution(self.book.execution_id, self.clock.now()),
        )
        payload |= {"news_error": news_error, "tries": told.tries}
        payload |= {"world": world_of(stored.bars, played=self.played)}
        return self.files.store(ticker, payload, stored.bars, svg, png)

    def _timed(self, seconds: dict[str, float], step: str, work: Callable[[], Any]) -> Any:
        started = self.clock.monotonic()
        made = work()
        seconds[step] = self.clock.monotonic() - started
        return made

    def _of(self, ticker: Ticker) -> _Stored:
        bars, company, why = self.data.of(ticker.dr)
        return _Stored(ticker, bars, company, why, self.peers.of(ticker.dr, bars))

    def _headlines(self, stored: _Stored) -> tuple[tuple[NewsItem, ...], str | None]:
        """The newest headlines by the morning; news that cannot be had is said, not invented."""

        def answered() -> bool:
            return self.model.answered(messages(self._facts(stored, ()), language=self.language))

        return self.news.of(stored.ticker, answered, self.stop)

    def _facts(self, stored: _Stored, news: Sequence[NewsItem]) -> FactSheet:
        return build_facts(
            stored.ticker,
            stored.bars,
            stored.company,
            stored.others.histories,
            news,
            as_of=self.day,
            source=layout.ticker_data_key(self.day, stored.ticker.dr),
            no_company=stored.no_company,
        )

    def _check(self, stored: _Stored, sheet: FactSheet, news: Sequence[NewsItem]) -> Callable[[Narrative], "Verdict"]:
        """The verifier over what is stored of this ticker."""
        from stocks_pipeline.domain.reports.verifier import verify

        def check(narrative: Narrative) -> "Verdict":
            return verify(
                narrative.text,
                [asdict(one) for one in narrative.evidence],
                sheet.to_dict(),
                stored.bars,
                stored.others.tables,
                stored.company,
                news,
                self.language,
                ticker=asdict(stored.ticker),
                names=[one.name for one in self.tickers.values() if one.dr != stored.ticker.dr],
            )

        return check
