"""The files of one report: chart, text, page, the copy for history, and last the payload, which is what makes it one.

What belongs here: `ReportFiles`, what is written where and in which order, and finding it again. What does not: what
the files hold (domain/reports/) and how a report comes about (writing.py).

Chart, text and page lie in the history under the execution that made them, and the payload names them. So they are of
one execution with it, whatever is killed when: no file of a report that stands is touched until its payload goes.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.dr.data import expected_session
from stocks_pipeline.defs.dr.fetched import NoDataError
from stocks_pipeline.defs.dr.morning import MorningData
from stocks_pipeline.domain.reports.fact_units import FactSheet
from stocks_pipeline.domain.reports.payload import markdown, payload_json
from stocks_pipeline.domain.tickers import Ticker
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import KeyMissing, Lake
from stocks_pipeline.upstream.failures import FailureKind


@dataclass(frozen=True)
class Written:
    """A report that is durable."""

    ticker: Ticker
    payload: dict[str, Any]
    chart_svg: str
    expected: date
    """The session it should be about."""
    key: str
    uri: str
    size: int
    sha256: str

    @property
    def tries(self) -> int:
        """Answers that the model was asked for."""
        return int(self.payload["tries"])

    @property
    def news_error(self) -> str | None:
        """Why there is no news to be had; None where that is not so."""
        error: str | None = self.payload["news_error"]
        return error


@dataclass(frozen=True)
class ReportFiles:
    """Writes and finds the files of one morning and execution. Safe for threads."""

    lake: Lake
    data: MorningData
    execution_id: str
    clock: Clock
    language: str

    def chart(self, sheet: FactSheet, bars: Any) -> tuple[str, bytes]:
        """The chart as SVG and as PNG."""
        from stocks_pipeline.domain.reports.chart import chart_of
        from stocks_pipeline.domain.reports.render import svg_to_png

        svg = chart_of(sheet, bars)
        return svg, svg_to_png(svg)

    def store(self, ticker: Ticker, payload: Mapping[str, Any], bars: Any, svg: str, png: bytes) -> Written:
        """Everything that belongs to the payload, and last the payload itself with the keys of the files."""
        name = ticker.dr
        chart = self.lake.write(self._key(name, "png"), png).key
        whole = {**payload, "chart_key": chart, "pdf_key": self._page(name, payload, bars)}
        text = markdown(whole, chart=chart.rpartition("/")[2])
        whole["markdown_key"] = self.lake.write(self._key(name, "md"), text.encode()).key
        body = payload_json(whole)
        self.lake.write(layout.report_history_key(self.data.day, name, self.execution_id), body)
        stored = self.lake.write(layout.report_key(self.data.day, name), body)
        expected = expected_session(ticker, self.data.day)
        return Written(ticker, whole, svg, expected, stored.key, stored.uri, stored.size, stored.sha256)

    def finished(self, ticker: Ticker) -> Written:
        """The report that this very execution has completed: its process died before the run could log it.

        Raises:
            NoDataError: somebody has taken the report or its data away since.
        """
        key = layout.report_history_key(self.data.day, ticker.dr, self.execution_id)
        try:
            body = self.lake.read(key)
        except KeyMissing as error:
            why = f"this execution completed its report, and {key} is gone: start a new run"
            raise NoDataError(FailureKind.PERMANENT, "lake", ticker.dr, why, attempts=0) from error
        payload = json.loads(body)
        svg, _ = self.chart(FactSheet.from_dict(payload["facts"]), self.data.of(ticker.dr)[0])
        digest, uri = hashlib.sha256(body).hexdigest(), self.lake.uri(key)
        return Written(ticker, payload, svg, expected_session(ticker, self.data.day), key, uri, len(body), digest)

    def _page(self, name: str, payload: Mapping[str, Any], bars: Any) -> str | None:
        """The PDF's key; a page that cannot be set costs the page, not the report. Its heading is the page's own."""
        from stocks_pipeline.domain.reports.chart import chart_of
        from stocks_pipeline.domain.reports.page import page_of
        from stocks_pipeline.domain.reports.render import RenderError, report_pdf

        try:
            svg = chart_of(FactSheet.from_dict(payload["facts"]), bars, heading=False)
            page = page_of(payload, language=self.language)
            made = report_pdf(page, svg, created=self.clock.now().replace(microsecond=0))
        except RenderError:
            return None
        return self.lake.write(self._key(name, "pdf"), made).key

    def _key(self, name: str, suffix: str) -> str:
        return layout.report_file_key(self.data.day, name, self.execution_id, suffix)
