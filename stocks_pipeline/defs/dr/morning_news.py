"""The news of a morning: what the feed held, kept for every later run, because it is part of a question that is paid.

What belongs here: `MorningNews` and its rule. What does not: the feed (upstream/news.py), what a report makes of an
item (domain/reports/).

The rule. What the feed held is stored before the model is asked, also that it held nothing, and every later run of the
morning uses it: an unchanged morning asks the model nothing new. Of two runs at once the first to store wins. A feed
that could not be had is stored as that, with its reason, never as "no news"; nor is it "no news" where all that a feed
still holds is later than the morning. The next run asks again for what could not be had as long as nobody has paid for
the answer without news; once somebody has, the report stays without, and says why. A run that rewrites uses what its
own execution fetched and nothing older, so after a crash it goes on with the same question.
"""

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Protocol

from stocks_pipeline.clock import Clock
from stocks_pipeline.defs.dr.data import cutoff
from stocks_pipeline.domain.news import NewsItem
from stocks_pipeline.domain.tickers import Ticker
from stocks_pipeline.storage.dr_keys import news_key
from stocks_pipeline.storage.lake import Conflict, Lake
from stocks_pipeline.upstream.failures import UpstreamError

ASKED = 20
"""Items asked for, the most that a feed gives: the newest of a feed that is read late are later than the morning."""
SHOWN = 5
"""Items of a report."""


class NewsSource(Protocol):
    """What `upstream.news.News` offers."""

    def headlines(
        self, yahoo_symbol: str, *, limit: int = ..., stop: threading.Event | None = None
    ) -> tuple[NewsItem, ...]: ...


@dataclass(frozen=True)
class Fetched:
    """What one look at a feed brought: `items` newest first, or the `error` why there are none to be had."""

    ticker: str
    execution_id: str
    fetched_at: datetime
    """Aware, UTC."""
    error: str | None
    items: tuple[NewsItem, ...]

    def known_by(self, moment: datetime) -> tuple[NewsItem, ...]:
        """The newest items that could be read at that moment (aware), as many as a report shows."""
        return tuple(item for item in self.items if item.published_at <= moment)[:SHOWN]

    def to_json(self) -> bytes:
        """As it is stored."""
        items = [{**asdict(item), "published_at": item.published_at.isoformat()} for item in self.items]
        fields = {**asdict(self), "fetched_at": self.fetched_at.isoformat(), "items": items}
        return json.dumps(fields, ensure_ascii=False, indent=1).encode()

    @classmethod
    def from_json(cls, body: bytes) -> "Fetched":
        """What `to_json` made. Raises ValueError, KeyError or TypeError where it did not."""
        fields = json.loads(body)
        items = tuple(
            NewsItem(**{**item, "published_at": datetime.fromisoformat(item["published_at"])})
            for item in fields["items"]
        )
        return cls(**{**fields, "fetched_at": datetime.fromisoformat(fields["fetched_at"]), "items": items})


@dataclass(frozen=True)
class MorningNews:
    """The news of one morning for one execution. Safe for threads and processes."""

    lake: Lake
    source: NewsSource
    day: date
    execution_id: str
    clock: Clock
    rewrite: bool = False
    """Use nothing that another execution fetched."""

    def of(
        self, ticker: Ticker, answered: Callable[[], bool], stop: threading.Event
    ) -> tuple[tuple[NewsItem, ...], str | None]:
        """The newest headlines by the morning, newest first, and why there are none to be had; stored on return.

        Args:
            ticker: asked for by Yahoo's name.
            answered: whether the model's answer to the question without news is paid for; only asked after a failure.
            stop: ends the wait for a feed.

        Raises:
            Cancelled: `stop` was set while waiting.
            LakeError: it cannot be stored; nothing has been paid for.
        """
        found = self._stored(ticker.dr)
        if found is None or (found.error is not None and not answered()):
            found = self._kept(self._fetch(ticker, stop))
        known = found.known_by(cutoff(self.day))
        return known, found.error or self._too_young(found, known)

    def _too_young(self, found: Fetched, known: tuple[NewsItem, ...]) -> str | None:
        """Why a feed with items has none by the morning: it no longer reaches back so far, which is not "no news"."""
        if known or not found.items:
            return None
        first = min(item.published_at for item in found.items).astimezone(cutoff(self.day).tzinfo)
        return f"the feed begins {first:%Y-%m-%d %H:%M} in Bangkok, after the morning of {self.day}"

    def _fetch(self, ticker: Ticker, stop: threading.Event) -> Fetched:
        items: tuple[NewsItem, ...] = ()
        error = None
        try:
            items = self.source.headlines(ticker.yahoo, limit=ASKED, stop=stop)
        except UpstreamError as failure:
            error = str(failure)
        return Fetched(ticker.dr, self.execution_id, self.clock.now(), error, items)

    def _kept(self, found: Fetched) -> Fetched:
        """Stored, or what another run has stored meanwhile: both then ask the model the same."""
        key = news_key(self.day, found.ticker)
        with self.lake.exclusive(key):
            there = self._stored(found.ticker)
            if there is not None and there.error is None:
                return there
            try:
                self.lake.write(key, found.to_json())
            except Conflict:  # another machine's run was faster
                return self._stored(found.ticker) or found
        return found

    def _stored(self, name: str) -> Fetched | None:
        """What is stored and may be used; a damaged file is as good as none."""
        try:
            found = Fetched.from_json(self.lake.read(news_key(self.day, name)))
        except (KeyError, ValueError, TypeError):  # nothing stored is a KeyError, as is a field that is not there
            return None
        return None if self.rewrite and found.execution_id != self.execution_id else found
