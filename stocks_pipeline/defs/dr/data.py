"""A year of bars of each ticker, as fetched for one morning: the asset `dr/ticker_data`.

What belongs here: the asset, and `TickerFetch`, the work behind one partition. What does not: HTTP (upstream/), the
list (master.py), what the page of a partition shows (data_page.py), and anything computed from the bars
(domain/reports/).

A morning knows what had closed by 05:00 in Bangkok and nothing later, also when it is run again a year on: a bar of a
session that closed after that is left out. So a report can be made again, and says the same.

What is stored is not asked for again, unless Yahoo was late: bars that lack the newest session are asked for anew by
every run of that morning until GIVE_UP. Then they stay as they are; `refetch` asks all the same.
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import dagster as dg

from stocks_pipeline import __version__
from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.dr.company import CompanyAnswer, CompanyDesk
from stocks_pipeline.defs.dr.config import FetchConfig
from stocks_pipeline.defs.dr.data_page import page_checks, page_metadata
from stocks_pipeline.defs.dr.master import GROUP, OWNERS, choose_tickers, run_keys, stored_tickers
from stocks_pipeline.defs.evidence import failure, lake_failure
from stocks_pipeline.defs.resources import LakeResource, YahooCompanyResource, YahooResource
from stocks_pipeline.domain.calendars import UnknownSession, calendar
from stocks_pipeline.domain.tickers import Ticker, UnknownTicker
from stocks_pipeline.fanout import FanOutEvent, Made, fan_out, fan_out_asset
from stocks_pipeline.partitions import BANGKOK, morning_tickers, parse_ticker_key
from stocks_pipeline.settings import Settings
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError

if TYPE_CHECKING:
    from stocks_pipeline.defs.fetching import PriceFeed

MORNING = time(5, 0)
"""When the desk fetches, Bangkok time: after New York's close, before anyone reads."""

LOOKBACK = timedelta(days=500)
"""A year for the report, and what it leans on: the picture's 126 sessions have their 200 before them for the long
average, and the year that RSI and MACD are ranked in does not begin with their first, unsettled values. Tokyo and
Hong Kong, with some 245 sessions a year, have 335 then.
"""

GIVE_UP = timedelta(hours=24)
"""How long after its cutoff a morning asks again for a session that Yahoo did not have: until the next morning."""

COMPANY = "stocks.company"
COMPANY_NOTE = "stocks.company_note"
"""Why there is none, where there is none."""
EXPECTED = "stocks.expected_session"

CHECKS = {
    "data_fresh": "The newest bar is of the newest session that had closed by 05:00 in Bangkok.",
    "bars_consistent": "Prices are finite and positive, low ≤ open, close ≤ high, no session twice, the list's money.",
    "scale_continuous": "No close is 100 times off, and no split goes unexplained, against the close before it.",
}


def cutoff(day: date) -> datetime:
    """The instant that the morning knows the world at."""
    return datetime.combine(day, MORNING, ZoneInfo(BANGKOK))


def expected_session(ticker: Ticker, day: date) -> date:
    """The newest session of the ticker's exchange that had closed by the morning's cutoff.

    Beyond the calendar nobody knows: then it is the day before, and `data_fresh` will say what it saw.
    """
    try:
        return calendar(ticker.exchange_mic).latest_closed(cutoff(day))
    except UnknownSession:
        return day - timedelta(days=1)


@fan_out_asset(
    f"{GROUP}/ticker_data",
    partitions_def=morning_tickers(),
    checks=CHECKS,
    deps=[dg.AssetKey([GROUP, "ticker_master"])],
    group_name=GROUP,
    kinds={"yahoo", "parquet"},
    owners=list(OWNERS),
    code_version=__version__,
)
def ticker_data(  # noqa: PLR0913, PLR0917 - Dagster hands in each resource by name
    context: dg.AssetExecutionContext,
    config: FetchConfig,
    lake: LakeResource,
    yahoo: dg.ResourceParam[YahooResource],
    yahoo_company: dg.ResourceParam[YahooCompanyResource],
    clock: dg.ResourceParam[Clock],
) -> Iterator[FanOutEvent]:
    """One year of daily bars of one ticker, with dividends and splits, as fetched for that morning."""
    stop = threading.Event()
    store = lake.open()
    chosen = chosen_tickers(store, config.tickers)
    keys = run_keys(context.partition_keys, chosen, config.limit)
    zones = {t.yahoo: calendar(t.exchange_mic).tz for t in chosen.values()}
    with yahoo.open(zones.__getitem__) as feed, yahoo_company.open(zones.__getitem__) as companies:
        work = TickerFetch(store, feed, CompanyDesk(companies, clock), clock, chosen, stop)
        yield from fan_out(
            context,
            work.make,
            reuse=None if config.refetch else work.reuse,
            keys=keys,
            max_workers=min(Settings.load().yahoo_concurrency, 16),
            stop=stop,
            describe_failure=lake_failure,
        )


def chosen_tickers(lake: Lake, names: list[str]) -> dict[str, Ticker]:
    """The named tickers by receipt; without a name, all active ones.

    Raises:
        dagster.Failure: no list is stored, or a name is unknown.
    """
    try:
        return {t.dr: t for t in choose_tickers(stored_tickers(lake), None, names)}
    except UpstreamError as error:
        raise failure(error, "There is no list of tickers") from error
    except UnknownTicker as error:
        raise dg.Failure(f"tickers: {error}", allow_retries=False) from error


@dataclass(frozen=True)
class TickerFetch:
    """The work behind the partitions of one run. Its methods run in the fan-out's threads."""

    lake: Lake
    feed: "PriceFeed"
    companies: CompanyDesk
    clock: Clock
    tickers: dict[str, Ticker]
    stop: threading.Event = field(default_factory=threading.Event)

    def make(self, key: str) -> Made:
        """Fetch and store one ticker.

        Raises:
            UpstreamError: Yahoo's failure, or (permanent) that it has no bar in the year up to the morning, or that
                the morning has not come.
        """
        from stocks_pipeline.upstream.yahoo_bars import Window

        day, name = parse_ticker_key(key)
        if self.clock.now() < cutoff(day):
            comes = f"{MORNING:%H:%M} in Bangkok ({cutoff(day).astimezone(UTC):%Y-%m-%d %H:%M} UTC)"
            why = f"the morning of {day} comes at {comes}: until then a bar may change"
            raise UpstreamError(FailureKind.PERMANENT, GROUP, name, why, attempts=0)
        ticker = self.tickers[name]
        expected = expected_session(ticker, day)
        window = Window(expected - LOOKBACK, expected)
        started = self.clock.monotonic()
        [(_, answer)] = self.feed.daily_bars([ticker.yahoo], window, stop=self.stop)
        if isinstance(answer, UpstreamError):
            raise answer
        if not answer.table.num_rows:
            raise UpstreamError(
                FailureKind.PERMANENT, "yahoo", name, f"{ticker.yahoo} has no bar from {window.start} to {window.end}"
            )
        company = self._company(key)
        seconds = self.clock.monotonic() - started
        return self._store(day, ticker, self._label(answer, ticker), expected, company, seconds)

    def reuse(self, key: str) -> Made | None:
        """The stored ticker, logged again; None where there is none, or where Yahoo may have more by now."""
        from stocks_pipeline.domain.price_rules import stale_prices

        day, name = parse_ticker_key(key)
        stored = self._stored(key)
        if stored is None:
            return None
        table, known = stored
        expected = expected_session(self.tickers[name], day)
        if not stale_prices(table, expected).passed and self.clock.now() < cutoff(day) + GIVE_UP:
            return None
        return self._store(day, self.tickers[name], table, expected, known, None)

    def _stored(self, key: str) -> tuple[Any, CompanyAnswer] | None:
        """Bars and company as they are stored; None where there are none that can be read."""
        from stocks_pipeline.domain.schemas import PRICES
        from stocks_pipeline.storage.lake import LakeError
        from stocks_pipeline.storage.tables import read_stored

        place = layout.ticker_data_key(*parse_ticker_key(key))
        if not self.lake.exists(place):
            return None
        try:
            table, metadata, _ = read_stored(self.lake, place, PRICES)
            return table, CompanyAnswer(json.loads(metadata[COMPANY]), metadata.get(COMPANY_NOTE, ""))
        except (LakeError, KeyError, ValueError):  # damaged, or another version's: it is fetched anew
            return None

    def _company(self, key: str) -> CompanyAnswer:
        """What Yahoo says of the company; if that is nothing, what the morning has stored already, be it a reason."""
        day, name = parse_ticker_key(key)
        answer = self.companies.ask(self.tickers[name].yahoo, cutoff(day), self.stop)
        stored = None if answer.fields else self._stored(key)
        if not stored:
            return answer
        known = stored[1]
        return CompanyAnswer(known.fields, f"as stored before: {answer.note}") if known.fields else known

    def _label(self, bars: Any, ticker: Ticker) -> Any:
        from stocks_pipeline.defs.labels import label

        return label(bars, symbol=ticker.dr, batch=None, source=self.feed.source, at=self.clock.now())

    def _store(  # noqa: PLR0913, PLR0917 - the parts of one ticker
        self,
        day: date,
        ticker: Ticker,
        table: Any,
        expected: date,
        company: CompanyAnswer,
        seconds: float | None,
    ) -> Made:
        from stocks_pipeline.domain.schemas import PRICES
        from stocks_pipeline.storage.tables import write_table

        metadata = {COMPANY: json.dumps(dict(company.fields), sort_keys=True), EXPECTED: expected.isoformat()}
        metadata |= {COMPANY_NOTE: company.note} if company.note and not company.fields else {}
        stored = write_table(self.lake, layout.ticker_data_key(day, ticker.dr), table, PRICES, metadata=metadata)
        return Made(
            metadata=page_metadata(ticker, table, stored, expected, seconds, company),
            data_version=stored.data_version,
            checks=page_checks(ticker, table, expected),
            reused_from=stored.key if seconds is None else None,
        )
