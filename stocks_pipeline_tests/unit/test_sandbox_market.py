"""The simulated market: its facts hold for every symbol, seed and day."""

from datetime import date, timedelta
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocks_pipeline.domain.calendars import calendar
from stocks_pipeline.sandbox.companies import FAMILIAR
from stocks_pipeline.sandbox.exchanges import ASX, EXCHANGES, Exchange, exchange_of
from stocks_pipeline.sandbox.market import SimulatedMarket, session_opens
from stocks_pipeline.sandbox.series import Series
from stocks_pipeline.sandbox.walk import Subject, simulate

TODAY = date(2026, 11, 20)
SYMBOLS = st.from_regex(r"[A-Z]{3}(\.AX|\.SI|\.VN)?", fullmatch=True)
DAYS = st.dates(date(2019, 1, 1), date(2026, 12, 1))


@cache
def market(seed: int = 1) -> SimulatedMarket:
    return SimulatedMarket(seed, companies=2000, unknown_share=0.005)


def seen(symbol: str, day: date = TODAY, seed: int = 1) -> Series | None:
    exchange = exchange_of(symbol)
    assert exchange is not None
    return market(seed).series(symbol, exchange.end_of(day))


def known(symbol: str, day: date = TODAY, seed: int = 1) -> Series:
    series = seen(symbol, day, seed)
    assert series is not None
    return series


def all_listed() -> list[Series]:
    found = [seen(f"{company.code}.AX") for company in market().companies(TODAY)[:400]]
    return [series for series in found if series is not None]


def test_the_same_seed_gives_the_same_world_and_another_seed_another() -> None:
    """Prices and companies depend on the seed and on nothing else."""
    again = SimulatedMarket(1, companies=2000, unknown_share=0.005)
    series = again.series("BHP.AX", ASX.end_of(TODAY))
    assert series is not None
    assert np.array_equal(series.close, known("BHP.AX").close)
    assert again.companies(TODAY) == market().companies(TODAY)
    assert not np.array_equal(series.close[-50:], known("BHP.AX", seed=2).close[-50:])
    assert market(2).companies(TODAY) != market().companies(TODAY)


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda exchange: exchange.mic)
def test_bars_are_stamped_with_the_openings_of_real_sessions(exchange: Exchange) -> None:
    """A bar's timestamp is the UTC instant at which the calendar says that the exchange opened; today's is the last."""
    known_days = calendar(exchange.mic)
    opens = session_opens(exchange)
    last = int(np.searchsorted(opens, exchange.end_of(TODAY), side="right"))
    days = known_days.sessions(date(2026, 1, 1), TODAY)
    assert opens[last - len(days) : last].tolist() == [int(known_days.open_at(day).timestamp()) for day in days]


@settings(max_examples=60, deadline=None)
@given(SYMBOLS, DAYS)
def test_a_bar_is_possible_and_never_in_the_future(symbol: str, day: date) -> None:
    """Every bar is on a session, finite, positive, ordered low <= open, close <= high, and not after the day."""
    series = seen(symbol, day)
    if series is None:
        return
    assert set(series.ts.tolist()) <= set(session_opens(series.exchange).tolist())
    assert series.ts[-1] <= series.exchange.end_of(day)
    assert np.all(np.diff(series.ts) > 0)
    assert np.all(np.isfinite([series.open, series.high, series.low, series.close, series.adj_close]))
    assert np.all(series.low > 0)
    assert np.all(series.low <= np.minimum(series.open, series.close))
    assert np.all(series.high >= np.maximum(series.open, series.close))
    assert np.all(series.volume >= 0)


@settings(max_examples=60, deadline=None)
@given(SYMBOLS, DAYS, DAYS)
def test_a_later_day_changes_the_past_by_its_splits_only(symbol: str, one: date, other: date) -> None:
    """What was seen on the earlier day is what is seen later, times the splits between."""
    earlier, later = seen(symbol, min(one, other)), seen(symbol, max(one, other))
    if earlier is None or later is None:
        return
    bars = len(earlier.ts)
    between = 1.0
    for split in later.splits[len(earlier.splits) :]:
        between *= float(split.ratio)
    assert np.array_equal(later.ts[:bars], earlier.ts)
    assert np.allclose(later.close[:bars] * between, earlier.close, rtol=1e-6)
    assert np.allclose(later.volume[:bars], earlier.volume * between, rtol=1e-6, atol=1)


@settings(max_examples=30, deadline=None)
@given(SYMBOLS, st.integers(1, 500))
def test_a_longer_calendar_changes_nothing_that_was(symbol: str, fewer: int) -> None:
    """When the calendars are extended by a year, every simulated bar of before stays as it is."""
    exchange = exchange_of(symbol)
    assert exchange is not None
    opens = session_opens(exchange)
    subject = Subject(1, symbol, symbol, exchange)
    short, long = simulate(subject, opens[:-fewer]), simulate(subject, opens)
    bars = len(short.ts)
    assert np.array_equal(short.ts, long.ts[:bars])
    assert np.array_equal(short.close, long.close[:bars])
    assert np.array_equal(short.volume, long.volume[:bars])
    assert short.dividends == long.dividends[: len(short.dividends)]


def test_a_split_leaves_no_jump_and_the_day_before_knows_nothing_of_it() -> None:
    """Prices before a split are divided by its ratio from the day of the split on, not before."""
    series = next(series for series in all_listed() if series.splits)
    split = series.splits[-1]
    day = ASX.day_of(split.ts)
    before, after = known(series.symbol, day - timedelta(days=1)), known(series.symbol, day)
    ratio = float(split.ratio)
    assert split not in before.splits
    assert split in after.splits
    assert np.allclose(after.close[:-1] * ratio, before.close, rtol=1e-6)
    assert 0.7 < after.close[-1] / after.close[-2] < 1.4


def test_adj_close_steps_at_ex_dates_by_the_vendor_s_rule() -> None:
    """adj_close / close is 1 at the end and falls, going back, by (1 - dividend / close before) at each ex-date."""
    payers = [series for series in all_listed() if len(series.dividends) > 3]
    assert payers
    for series in payers[:20]:
        expected = 1.0
        paid = {dividend.ts: dividend.amount for dividend in series.dividends}
        ratio = series.adj_close / series.close
        for at in range(len(series.ts) - 1, 0, -1):
            assert ratio[at] == pytest.approx(expected, rel=1e-5)
            expected *= 1 - paid.get(int(series.ts[at]), 0.0) / series.close[at - 1]
            missed = [amount for ts, amount in paid.items() if series.ts[at - 1] < ts < series.ts[at]]
            expected *= float(np.prod([1 - amount / series.close[at - 1] for amount in missed]))


def test_the_market_has_halts_suspensions_splits_dividends_and_newcomers() -> None:
    """Everything that a pipeline has to cope with happens to somebody."""
    listed = all_listed()
    sessions = session_opens(ASX)
    shortest = min(len(series.ts) for series in listed)
    assert any((series.volume == 0).any() for series in listed)
    assert any(
        len(series.ts) < np.searchsorted(sessions, ASX.end_of(TODAY)) - np.searchsorted(sessions, series.ts[0])
        for series in listed
    )
    assert sum(bool(series.splits) for series in listed) > len(listed) / 20
    assert sum(bool(series.dividends) for series in listed) > len(listed) / 3
    assert shortest < 250


def test_traded_prices_lie_on_the_exchange_s_ticks() -> None:
    """Without a split, a close below 10 cents is a multiple of 0.1 cent, below two dollars of 0.5 cent."""
    series = next(series for series in all_listed() if not series.splits and 0.1 < series.close.max() < 1.9)
    step = np.where(series.close < 0.0999, 0.001, 0.005)
    assert np.allclose(series.close / step, np.rint(series.close / step), atol=1e-3)


def test_a_company_s_bars_begin_with_its_listing_and_it_is_forgotten_after_its_end() -> None:
    """No bar before the listing; none from the delisting on; unknown before, and again thirty days after."""
    ever = {
        company.code: company for day in (date(2021, 3, 1), date(2023, 3, 1)) for company in market().companies(day)
    }
    company = next(
        company
        for company in ever.values()
        if company.delisted_on and company.listed_on > date(2018, 6, 1) and company.delisted_on < date(2025, 1, 1)
        if seen(f"{company.code}.AX", company.delisted_on) is not None
    )
    symbol, end = f"{company.code}.AX", company.delisted_on
    assert end is not None
    assert seen(symbol, company.listed_on - timedelta(days=1)) is None
    series = known(symbol, end + timedelta(days=29))
    assert ASX.day_of(series.ts[0]) >= company.listed_on
    assert ASX.day_of(series.ts[-1]) < end
    assert seen(symbol, end + timedelta(days=30)) is None


def test_some_listed_companies_have_no_prices_and_the_familiar_ones_always_have() -> None:
    """The price vendor lacks about the share of the listed companies that it was told to lack."""
    lacking = SimulatedMarket(1, companies=2000, unknown_share=0.1)
    codes = [company.code for company in lacking.companies(TODAY)]
    now = ASX.end_of(TODAY)
    missing = [code for code in codes if not lacking._knows(f"{code}.AX", ASX, now)]
    assert 0.06 < len(missing) / len(codes) < 0.14
    assert not set(missing) & set(FAMILIAR)
    assert all(SimulatedMarket(1, companies=50, unknown_share=1.0).series(f"{code}.AX", now) for code in FAMILIAR)


def test_the_listing_is_of_the_size_asked_for_and_changes_slowly() -> None:
    """About 2,000 companies on any day; at most a handful come or go in a day, about a tenth in a year."""
    days = [date(2018, 6, 1), date(2021, 6, 1), date(2024, 6, 3), TODAY]
    assert all(1850 < len(market().companies(day)) < 2150 for day in days)
    fortnight = [{c.code for c in market().companies(date(2026, 11, 2) + timedelta(days=n))} for n in range(14)]
    assert all(len(a ^ b) <= 8 for a, b in pairwise(fortnight))
    assert fortnight[0] != fortnight[-1]
    year = {c.code for c in market().companies(date(2025, 11, 2))} ^ fortnight[0]
    assert 100 < len(year) < 320


def test_codes_and_names_are_unique_and_sorted_as_the_exchange_sorts() -> None:
    """Three characters a code, no name twice, by name."""
    companies = market().companies(TODAY)
    names = [company.name for company in companies]
    assert names == sorted(set(names))
    assert len({company.code for company in companies}) == len(companies)
    assert all(len(company.code) == 3 and company.code.isalnum() and company.code.isupper() for company in companies)


@pytest.mark.parametrize(
    ("symbol", "mic"),
    [("BHP.AX", "XASX"), ("14D.AX", "XASX"), ("BRK-B", "XNYS"), ("^AXJO", "XASX"), ("0700.HK", "XHKG"),
     ("7974.T", "XTKS"), ("FPT.VN", "XSTC"), ("D05.SI", "XSES"), ("0050.TW", "XTAI"), ("CON", "XNYS"),
     ("../../x", None), ("", None), ("BHP.XX", None), ("bhp.ax", None), ("^NOPE", None), (".AX", None)],
)  # fmt: skip
def test_a_symbol_s_exchange_is_read_from_its_form(symbol: str, mic: str | None) -> None:
    """The vendor's suffix names the exchange; what cannot be a symbol has none."""
    exchange = exchange_of(symbol)
    assert (exchange and exchange.mic) == mic
