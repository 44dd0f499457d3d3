"""The sheet as it is written: every fact with a value, or the reason why it has none; and what needs no bars.

What belongs here: `Book`, the names of a ticker, its news and its company data. What does not: anything computed from
bars (facts.py) and what a fact is (fact_catalogue.py).
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from stocks_pipeline.domain.news import NewsItem, clean_text
from stocks_pipeline.domain.reports.fact_catalogue import CATALOGUE, COMPANY
from stocks_pipeline.domain.reports.fact_units import Fact, Unit, Value, price_decimals
from stocks_pipeline.domain.tickers import Ticker

TICKER_LIST = "dr/ticker_master"
"""Source of the facts that come from the ticker list."""
NOT_THERE = "not in the company data"
_REASON = 160  # characters of why there are no company data
_NEWS = 5
_TINY_RATIO = 0.005  # which two decimals would show as nothing


class Book:
    """Facts as they are written down, each either with a value or with the reason why it has none."""

    def __init__(self, as_of: date, source: str, currency: str | None, unpriced: str, close: float) -> None:
        self.as_of = self.session = as_of
        self.source, self.currency, self.unpriced, self.close = source, currency, unpriced, close
        self.facts: dict[str, Fact] = {}
        self.absent: dict[str, str] = {}

    def put(self, name: str, value: Value, why: str = "", *, source: str = "", as_of: date | None = None) -> None:
        """Note the fact, or `why` it is absent where its value is NaN or infinite."""
        entry = CATALOGUE[name]
        if isinstance(value, float) and not math.isfinite(value):
            self.absent[name] = why or "not computable from the stored bars"
            return
        if entry.unit is Unit.PRICE and self.currency is None:
            self.absent[name] = self.unpriced
            return
        decimals = entry.decimals
        if decimals is None:
            decimals = price_decimals(float(value), self.currency or "", self.close)  # type: ignore[arg-type] # a price
        elif entry.unit is Unit.RATIO and 0 < float(value) < _TINY_RATIO:  # type: ignore[arg-type] # a ratio
            decimals = 4
        self.facts[name] = Fact(
            name,
            value,
            entry.unit,
            as_of or self.session,
            source or self.source,
            entry.formula,
            decimals,
            entry.claims,
        )


def write_names(book: Book, ticker: Ticker, company: Mapping[str, Any]) -> None:
    """What the ticker is called and where it trades."""
    texts = {
        "ticker": ticker.dr,
        "yahoo_symbol": ticker.yahoo,
        "company_name": ticker.name,
        "exchange": ticker.exchange,
    }
    for name, text in texts.items():
        book.put(name, text, source=TICKER_LIST)
    if ticker.sector:
        book.put("sector", ticker.sector, source=TICKER_LIST)
    elif isinstance(company.get("sector"), str) and clean_text(company["sector"]):
        book.put("sector", clean_text(company["sector"]))
    else:
        book.absent["sector"] = "neither the ticker list nor the company data name a sector"


def write_news(book: Book, news: Sequence[NewsItem]) -> None:
    """The five newest headlines and their days."""
    newest = sorted(news, key=lambda item: (item.published_at, item.id), reverse=True)[:_NEWS]
    for place, item in enumerate(newest, start=1):
        day = item.published_at.date()
        book.put(f"news_{place}", item.title, source=f"news:{item.id}", as_of=day)
        book.put(f"news_{place}_date", day, source=f"news:{item.id}", as_of=day)
    if not newest:
        book.absent["news_1"] = "no news item"


def write_company(book: Book, company: Mapping[str, Any], no_company: str = "") -> None:
    """The fields of the vendor's company data, where they are numbers; none is corrected or guessed.

    `no_company` is why there is no field at all: the words of the fetch, which a vendor may have had a hand in.
    """
    lacking = (clean_text(no_company, _REASON) if not company else "") or NOT_THERE
    for name, field in COMPANY.items():
        value = company.get(field.key)
        if value is None:
            book.absent[name] = lacking
        elif isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            book.absent[name] = "no number in the company data"
        elif field.above_zero and value <= 0:
            book.absent[name] = "not above zero in the company data"
        elif CATALOGUE[name].unit is Unit.PRICE and not _same_money(company.get("currency"), book.currency):
            book.absent[name] = f"in {company.get('currency') or 'an unknown currency'}, the bars in {book.currency}"
        else:
            book.put(name, float(value) * field.scale, as_of=book.as_of)


def _same_money(theirs: object, ours: str | None) -> bool:
    """A minor unit such as GBp is not trusted: companies are valued in pounds where their shares are in pence."""
    return ours is not None and theirs == ours and ours.isupper()
