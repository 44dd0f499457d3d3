"""One report: from stored bars to a durable file, step by step, free of Dagster.

What belongs here: `ReportDesk`, the work behind one `ticker_reports` partition, and its order. What does not: facts,
prose, verdicts and pictures (domain/reports/), which news and peers there are (morning_news.py, morning_peers.py), the
model (upstream/narrator.py), events (reports.py).

The order is the seed's, with its fault mended: job in progress → facts → peers → news → model → verdict → chart →
files, the payload last → job completed. A report that the verifier refuses is not written; the model is told what was
wrong and asked once more.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.dr.data import expected_session
from stocks_pipeline.defs.dr.job_book import JobBook
from stocks_pipeline.defs.dr.morning import MorningData, NoDataError
from stocks_pipeline.defs.dr.morning_news import MorningNews
from stocks_pipeline.defs.dr.morning_peers import MorningPeers, Others
from stocks_pipeline.defs.dr.telling import Model, Telling
from stocks_pipeline.domain.jobs import JobStatus
from stocks_pipeline.domain.news import NewsItem
from stocks_pipeline.domain.reports.facts import FactSheet, build_facts
from stocks_pipeline.domain.reports.payload import Execution, Timings, build_payload, markdown, payload_json
from stocks_pipeline.domain.reports.placeholders import Narrative
from stocks_pipeline.domain.reports.prompt import messages
from stocks_pipeline.domain.reports.scores import score_report
from stocks_pipeline.domain.tickers import Ticker
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import KeyMissing, Lake
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.limits import Cancelled

if TYPE_CHECKING:
    from stocks_pipeline.domain.reports.verifier import Verdict


STOPPING = frozenset({FailureKind.AUTH, FailureKind.QUOTA_DAY})
"""What is wrong with the stage and not with the ticker: its job stays pending."""


@dataclass(frozen=True)
class Written:
    """A report that is durable."""

    ticker: Ticker
    payload: dict[str, Any]
    chart_svg: str
    expected: date
    key: str
    uri: str
    size: int
    sha256: str
    tries: int
    news_error: str | None


@dataclass(frozen=True)
class _Stored:
    """What the lake has of one ticker, and whom it is compared with."""

    ticker: Ticker
    bars: Any
    company: Mapping[str, Any]
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

    def write(self, name: str) -> Written:
        """The report of one ticker, stored.

        Raises:
            UpstreamError: no stored data (permanent, nothing is asked of anyone), the model's failure, or (malformed)
                a text that the verifier refused twice.
        """
        ticker = self.tickers[name]
        if self.book.get(name).status is JobStatus.COMPLETED:
            return self._finished(ticker)
        self.book.start(name)
        try:
            written = self._write(ticker)
        except UpstreamError as error:
            if error.kind in STOPPING:
                self.stop.set()  # here, not when the run hears of it: until then its other threads would go on
                self.book.put_back(name, error)
            else:
                self.book.fail(name, error)
            raise
        except Cancelled as cancelled:
            stopped = UpstreamError(FailureKind.TRANSIENT, "dr", name, f"not tried: {cancelled}", attempts=0)
            self.book.put_back(name, stopped)
            raise
        except Exception as error:  # the record says how the work ended, whatever ended it
            self.book.fail(name, error)
            raise
        result = {"ticker": name, "status": "success", "pdf_s3_key": written.payload["pdf_key"], "error": ""}
        self.book.complete(name, result)
        return written

    @property
    def day(self) -> date:
        """The morning."""
        return self.data.day

    def _write(self, ticker: Ticker) -> Written:
        seconds: dict[str, float] = {}
        stored = self._timed(seconds, "fetch_data", lambda: self._of(ticker))
        news, news_error = self._timed(seconds, "news", lambda: self._headlines(stored))
        sheet, bars = self._facts(stored, news), stored.bars
        check = self._check(stored, sheet, news)
        told = Telling(self.model, self.book.get(ticker.dr), sheet, check, self.language)
        self._timed(seconds, "ai_analysis", lambda: told.narrate(self.stop))
        svg, png = self._timed(seconds, "chart", lambda: self._chart(sheet, bars))
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
        payload |= {"news_error": news_error, "tries": told.tries, "pdf_key": self._pdf(ticker, payload, sheet, bars)}
        return self._store(ticker, payload, svg, png, told.tries, news_error)

    def _timed(self, seconds: dict[str, float], step: str, work: Callable[[], Any]) -> Any:
        started = self.clock.monotonic()
        made = work()
        seconds[step] = self.clock.monotonic() - started
        return made

    def _of(self, ticker: Ticker) -> _Stored:
        bars, company = self.data.of(ticker.dr)
        return _Stored(ticker, bars, company, self.peers.of(ticker.dr, bars))

    def _headlines(self, stored: _Stored) -> tuple[tuple[NewsItem, ...], str | None]:
        """The newest headlines by the morning; news that cannot be had is said, not invented."""

        def answered() -> bool:
            return self.model.answered(messages(self._facts(stored, ()), language=self.language))

        return self.news.of(stored.ticker, answered, self.stop)

    def _facts(self, stored: _Stored, news: Sequence[NewsItem]) -> FactSheet:
        source = layout.ticker_data_key(self.day, stored.ticker.dr)
        peers = stored.others.histories
        return build_facts(stored.ticker, stored.bars, stored.company, peers, news, as_of=self.day, source=source)

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

    def _chart(self, sheet: FactSheet, bars: Any) -> tuple[str, bytes]:
        from stocks_pipeline.domain.reports.chart import chart_of
        from stocks_pipeline.domain.reports.render import svg_to_png

        svg = chart_of(sheet, bars)
        return svg, svg_to_png(svg)

    def _store(  # noqa: PLR0913, PLR0917 - the parts of a report
        self,
        ticker: Ticker,
        payload: dict[str, Any],
        svg: str,
        png: bytes,
        tries: int,
        news_error: str | None,
    ) -> Written:
        """The picture, the text, the copy for history, and last the payload: it is what makes it a report."""
        name = ticker.dr
        self.lake.write(layout.report_key(self.day, name, "png"), png)
        text = markdown(payload, chart=layout.report_key(self.day, name, "png").rpartition("/")[2])
        self.lake.write(layout.report_key(self.day, name, "md"), text.encode())
        body = payload_json(payload)
        self.lake.write(layout.report_history_key(self.day, name, self.book.execution_id), body)
        stored = self.lake.write(layout.report_key(self.day, name), body)
        expected = expected_session(ticker, self.day)
        return Written(
            ticker, payload, svg, expected, stored.key, stored.uri, stored.size, stored.sha256, tries, news_error
        )

    def _finished(self, ticker: Ticker) -> Written:
        """The report that this very execution has completed: its process died before the run could log it.

        Raises:
            NoDataError: somebody has taken the report or its data away since.
        """
        key = layout.report_history_key(self.day, ticker.dr, self.book.execution_id)
        try:
            body = self.lake.read(key)
        except KeyMissing as error:
            why = f"this execution completed its report, and {key} is gone: start a new run"
            raise NoDataError(FailureKind.PERMANENT, "lake", ticker.dr, why, attempts=0) from error
        payload = json.loads(body)
        svg, _ = self._chart(FactSheet.from_dict(payload["facts"]), self.data.of(ticker.dr)[0])
        digest, uri = hashlib.sha256(body).hexdigest(), self.lake.uri(key)
        expected = expected_session(ticker, self.day)
        news_error = payload["news_error"]
        return Written(ticker, payload, svg, expected, key, uri, len(body), digest, payload["tries"], news_error)

    def _pdf(self, ticker: Ticker, payload: Mapping[str, Any], sheet: FactSheet, bars: Any) -> str | None:
        """The PDF's key; a page that cannot be set costs the page, not the report. Its heading is the page's own."""
        from stocks_pipeline.domain.reports.chart import chart_of
        from stocks_pipeline.domain.reports.page import page_of
        from stocks_pipeline.domain.reports.render import RenderError, report_pdf

        key = layout.report_key(self.day, ticker.dr, "pdf")
        try:
            svg, page = chart_of(sheet, bars, heading=False), page_of(payload, language=self.language)
            made = report_pdf(page, svg, created=self.clock.now().replace(microsecond=0))
        except RenderError:
            return None
        return self.lake.write(key, made).key
