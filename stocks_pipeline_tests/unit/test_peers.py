"""Peers: Pearson's correlation over common sessions, held to its definition."""

import math
import random
import statistics
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest

from stocks_pipeline.domain.indicators import history
from stocks_pipeline.domain.reports.peers import compare, months_before, rank
from stocks_pipeline_tests.price_tables import replay, row, table

SESSION = date(2024, 3, 14)
WINDOW = date(2023, 12, 14)


def days(count: int = 60) -> list[date]:
    """That many days up to the session."""
    return [SESSION - timedelta(days=count - 1 - n) for n in range(count)]


def walk(seed: int, like: list[float] | None = None, weight: float = 0.0, count: int = 60) -> list[float]:
    """Closes of a random walk, in part that of another."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable walk
    close = [10.0]
    for n in range(1, count):
        own = chance.gauss(0, 0.02)
        close.append(close[-1] * math.exp(own + weight * (math.log(like[n] / like[n - 1]) if like else 0)))
    return close


def bars(closes: list[float], sessions: list[date] | None = None) -> Any:
    """One row a session."""
    return table(row("X", day, close) for day, close in zip(sessions or days(len(closes)), closes, strict=True))


def test_real_correlations_are_those_of_the_definition() -> None:
    """Every pair of real shares gives statistics.correlation of its log returns between common sessions."""
    rows: dict[str, dict[date, float]] = {}
    for bar in replay("yahoo_dr", date(2023, 9, 1), SESSION):
        rows.setdefault(bar["symbol"], {})[bar["session"]] = bar["close"]
    names = sorted(rows)[::3]
    pasts = {name: history(bars(list(rows[name].values()), list(rows[name])), SESSION) for name in names}
    for first in names:
        for second in names:
            common = [day for day in rows[first] if day in rows[second] and WINDOW < day <= SESSION]
            found = compare(pasts[first], SESSION, second, pasts[second])
            if len(common) < 40:
                assert found is None
                continue
            left, right = ([math.log(rows[n][b] / rows[n][a]) for a, b in pairwise(common)] for n in (first, second))
            assert found is not None
            assert found.correlation == pytest.approx(statistics.correlation(left, right), abs=1e-12)
            assert found.sessions == len(common)


def test_the_strongest_come_first_and_no_more_than_five() -> None:
    """By strength whatever the sign, at least 0.3, and the same for tables and for histories of them."""
    own = walk(1)
    others = {f"P{n}": bars(walk(10 + n, own, weight=n / 2)) for n in range(9)}
    others["CONTRARY"] = bars([100 / close for close in own])
    past = history(bars(own), SESSION)
    found = rank(past, SESSION, others)
    strengths = [abs(peer.correlation) for peer in found]
    assert found[0].name == "CONTRARY"
    assert found[0].correlation == pytest.approx(-1.0)
    assert len(found) == 5
    assert strengths == sorted(strengths, reverse=True)
    assert min(strengths) >= 0.3
    assert rank(past, SESSION, {name: history(rows, SESSION) for name, rows in others.items()}) == found


def test_a_weak_correlation_is_no_peer() -> None:
    """0.3 and more counts, whatever the sign; 0.1 to 0.3 is noise over three months."""
    own = walk(7)
    past = history(bars(own), SESSION)
    others = {f"P{n}": bars(walk(50 + n, own, weight=n / 20)) for n in range(20)}
    all_of_them = [compare(past, SESSION, name, history(rows, SESSION)) for name, rows in others.items()]
    weak = {peer.name for peer in all_of_them if peer and 0.1 < abs(peer.correlation) < 0.3}
    strong = {peer.name for peer in all_of_them if peer and abs(peer.correlation) >= 0.3}
    assert len(weak) >= 2
    assert rank(past, SESSION, {name: others[name] for name in weak}) == ()
    assert {peer.name for peer in rank(past, SESSION, others)} <= strong


@pytest.mark.parametrize(("count", "known"), [(39, False), (40, True)])
def test_fewer_than_forty_common_sessions_are_no_peer(count: int, *, known: bool) -> None:
    """A correlation of a few days is chance, even a perfect one."""
    own = walk(2)
    other = bars(own[-count:], days()[-count:])
    assert bool(rank(history(bars(own), SESSION), SESSION, {"P": other})) is known


def test_returns_are_between_common_sessions() -> None:
    """A holiday of one exchange does not shift its returns against the other's."""
    own = walk(3)
    kept = [n for n in range(60) if n % 5]
    other = bars([own[n] for n in kept], [days()[n] for n in kept])
    (peer,) = rank(history(bars(own), SESSION), SESSION, {"P": other})
    assert peer.correlation == pytest.approx(1.0)
    assert peer.sessions == len(kept)


def test_what_came_before_or_after_the_window_does_not_count() -> None:
    """Older than three months, or newer than the session, is not looked at."""
    sessions = [SESSION + timedelta(days=n) for n in range(-200, 20)]
    own, other = walk(4, count=220), walk(5, count=220)
    alike = [b if day <= WINDOW or day > SESSION else a for day, a, b in zip(sessions, own, other, strict=True)]
    past = history(bars(own, sessions), sessions[-1])
    (peer,) = rank(past, SESSION, {"P": bars(alike, sessions)})
    assert peer.correlation == pytest.approx(1.0)


def test_a_price_that_stands_still_has_no_peers() -> None:
    """No spread, no correlation, and no division by it."""
    own = history(bars(walk(6)), SESSION)
    assert rank(own, SESSION, {"STILL": bars([5.0] * 60), "NONE": table([])}) == ()
    assert rank(history(bars([5.0] * 60), SESSION), SESSION, {"P": bars(walk(6))}) == ()


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2024, 5, 31), 3, date(2024, 2, 29)),
        (date(2023, 5, 31), 3, date(2023, 2, 28)),
        (date(2024, 2, 29), 12, date(2023, 2, 28)),
        (date(2024, 1, 15), 1, date(2023, 12, 15)),
        (date(2024, 12, 31), 3, date(2024, 9, 30)),
        (date(2024, 12, 31), 12, date(2023, 12, 31)),
    ],
)
def test_months_before_keep_the_day_where_there_is_one(day: date, months: int, expected: date) -> None:
    """Else the last of that month."""
    assert months_before(day, months) == expected
