import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.domain import price_rules as rules
from stocks_pipeline.domain.calendars import calendar
from stocks_pipeline.domain.prices import Finding, SymbolOutcome
from stocks_pipeline.domain.schemas import PRICES
from stocks_pipeline_tests.price_tables import MONDAY, replay, row, table, week

FRIDAY = date(2025, 12, 5)
SESSIONS = calendar("XASX").sessions(MONDAY, FRIDAY)
NAN, INF = float("nan"), float("inf")


def _ok(*symbols: str) -> list[SymbolOutcome]:
    return [SymbolOutcome(symbol, "ok", None, "", 1, 5) for symbol in symbols]


def _symbols(finding: Finding) -> set[Any]:
    return {each["symbol"] for each in finding.rows}


def _names(count: int) -> list[str]:
    return [f"S{n:02d}" for n in range(count)]


# --- values of a row


@pytest.mark.parametrize("column", ["open", "high", "low", "close", "adj_close"])
@pytest.mark.parametrize("value", [NAN, INF, -INF, 0.0, -1.0])
def test_a_bad_price_is_found(column: str, value: float) -> None:
    """NaN, infinity, zero and below in any price column fail, with the symbol, the session and the value."""
    finding = rules.prices_finite_and_positive(table([*week(["AAA"]), row("BBB", FRIDAY, **{column: value})]))
    assert not finding.passed
    assert finding.severity == "error"
    assert (finding.rows[0]["symbol"], finding.rows[0]["session"]) == ("BBB", "2025-12-05")
    assert finding.summary.startswith("1 of 2 symbols have a price that is missing, NaN or not above 0: BBB")
    json.dumps(finding.rows, allow_nan=False)


@pytest.mark.parametrize("column", ["open", "high", "low"])
def test_a_missing_price_passes_nothing(column: str) -> None:
    """A null price is found by the price rule and by the range rule."""
    prices = table([row("AAA", FRIDAY), row("BBB", FRIDAY, **{column: None})])
    assert _symbols(rules.prices_finite_and_positive(prices)) == {"BBB"}
    assert _symbols(rules.ohlc_consistent(prices)) == {"BBB"}


def test_a_vendor_may_give_no_adjusted_close() -> None:
    """A null adj_close is a vendor without one, not a bad price."""
    assert rules.prices_finite_and_positive(table([row("AAA", FRIDAY, adj_close=None)])).passed


@pytest.mark.parametrize(
    "fields",
    [
        {"high": 9.0, "low": 11.0},
        {"open": 12.0},
        {"close": 8.0},
        {"close": 1000.0},
        {"open": NAN},
        {"close": NAN},
        {"high": NAN},
        {"low": NAN},
    ],
)
def test_an_inconsistent_bar_is_found(fields: dict[str, float]) -> None:
    """High below low, open or close far outside the range, and NaN anywhere fail with the right symbol."""
    finding = rules.ohlc_consistent(table([*week(["AAA"]), row("BBB", FRIDAY) | fields]))
    assert not finding.passed
    assert _symbols(finding) == {"BBB"}


def test_rounding_is_not_inconsistent() -> None:
    """Vendor rounding in the seventh digit is no finding at all."""
    finding = rules.ohlc_consistent(table([row("AAA", FRIDAY, open=10.000001, high=10.0, low=10.0)]))
    assert (finding.passed, finding.evidence["auction_rows"], finding.rows) == (True, 0, ())


def test_an_auction_print_is_evidence() -> None:
    """A close 2 % outside the range passes and is shown; low above high by as little fails."""
    finding = rules.ohlc_consistent(table([row("AAA", FRIDAY, 10.0, open=10.2, high=10.3, low=10.2)]))
    assert finding.passed
    assert finding.evidence["auction_rows"] == 1
    assert "at most 5% (auction prints): AAA" in finding.summary
    assert not rules.ohlc_consistent(table([row("AAA", FRIDAY, 10.0, open=10.0, high=9.9, low=10.1)])).passed


def test_duplicates_are_found() -> None:
    """Two bars of one symbol and session fail; the same session of two symbols does not."""
    finding = rules.no_duplicates(table([*week(["AAA", "BBB"]), row("BBB", FRIDAY, 11.0)]))
    assert not finding.passed
    assert finding.rows == ({"symbol": "BBB", "session": "2025-12-05", "close": 11.0, "batch_number": 0.0},)
    assert rules.no_duplicates(table(week(["AAA", "BBB"]))).passed


def test_volume() -> None:
    """Zero volume is a quiet day; a negative one fails; missing ones fail only when there are many."""
    assert rules.volume_plausible(table([row("AAA", FRIDAY, volume=0)])).passed
    assert _symbols(rules.volume_plausible(table([*week(["AAA"]), row("BBB", FRIDAY, volume=-1)]))) == {"BBB"}
    few = rules.volume_plausible(table([*week(_names(5)), row("BBB", FRIDAY, volume=None)]))
    assert (few.passed, few.evidence["missing_rows"]) == (True, 1)
    assert not rules.volume_plausible(table([row("BBB", FRIDAY, volume=None)])).passed


def test_evidence_is_bounded() -> None:
    """A thousand bad rows give twenty examples and a summary of one line that counts them all."""
    finding = rules.prices_finite_and_positive(table(row(f"S{n:04d}", FRIDAY, -1.0) for n in range(1000)))
    assert len(finding.rows) == 20
    assert finding.evidence["bad_symbols"] == 1000
    assert finding.summary.endswith("S0000, S0001, S0002 and 997 more")


def test_no_rows_break_no_rule() -> None:
    """Rules about values have nothing to say about an empty table, and say so."""
    empty = PRICES.empty_table()
    for rule in (
        rules.prices_finite_and_positive,
        rules.ohlc_consistent,
        rules.no_duplicates,
        rules.volume_plausible,
        rules.scale_against_previous_close,
    ):
        assert rule(empty).passed, rule


# --- coverage


def test_fetched_share() -> None:
    """90 of 100 pass and 89 do not; symbols without bars count as not fetched; failures come first in the rows."""
    nine = [SymbolOutcome(f"N{n}", "no_bars", None, "no bars", 1, 0) for n in range(9)]
    one = [SymbolOutcome("ZZZ", "failed", "transient", "503 after 4 tries", 4, 0)]
    finding = rules.fetched_share([*_ok(*_names(90)), *nine, *one])
    assert (finding.passed, finding.evidence["share"], finding.evidence["failed_transient"]) == (True, 0.9, 1)
    assert finding.rows[0]["symbol"] == "ZZZ"
    assert finding.summary == "10 of 100 symbols were not fetched: N0, N1, N2 and 7 more"
    assert not rules.fetched_share([*_ok(*_names(89)), *nine, *one, *one]).passed


def test_an_empty_list_is_legal() -> None:
    """No symbols to fetch is no failure."""
    assert rules.fetched_share([]).passed
    assert rules.expected_sessions_present(PRICES.empty_table(), [], SESSIONS, FRIDAY).passed


def test_a_missing_newest_session_is_found() -> None:
    """More than a tenth without the newest session fails and names them; a tenth is evidence."""
    late = [each for each in week(_names(20)) if each["session"] < FRIDAY or each["symbol"] not in {"S03", "S07"}]
    finding = rules.expected_sessions_present(table(late), _ok(*_names(20)), SESSIONS, FRIDAY)
    assert (finding.passed, finding.evidence["lacking_newest"]) == (True, 2)
    later = [each for each in late if each["session"] < FRIDAY or each["symbol"] != "S11"]
    finding = rules.expected_sessions_present(table(later), _ok(*_names(20)), SESSIONS, FRIDAY)
    assert not finding.passed
    assert finding.summary == "3 of 20 symbols lack 2025-12-05: S03, S07, S11"
    assert finding.rows[0] == {"symbol": "S03", "newest": "2025-12-04", "missing": "2025-12-05"}


def test_suspended_symbols_are_evidence() -> None:
    """One symbol of twenty without any bar is shown and passes; three of twenty do not."""
    bars = table(week(_names(19)))
    suspended = [SymbolOutcome("SUS", "no_bars", None, "no bars", 1, 0)]
    finding = rules.expected_sessions_present(bars, [*_ok(*_names(19)), *suspended], SESSIONS, FRIDAY)
    assert finding.passed
    assert finding.rows == ({"symbol": "SUS", "newest": None, "missing": "2025-12-05"},)
    three = [SymbolOutcome(f"SUS{n}", "no_bars", None, "no bars", 1, 0) for n in range(3)]
    assert not rules.expected_sessions_present(bars, [*_ok(*_names(19)), *three], SESSIONS, FRIDAY).passed


def test_failed_symbols_are_left_to_the_share_rule() -> None:
    """A symbol that could not be fetched is not also counted as lacking bars, but nothing answered is no pass."""
    failed = [SymbolOutcome(f"F{n}", "failed", "rate", "429", 8, 0) for n in range(10)]
    assert rules.expected_sessions_present(table(week(["AAA"])), [*_ok("AAA"), *failed], SESSIONS, FRIDAY).passed
    nothing = rules.expected_sessions_present(PRICES.empty_table(), failed, SESSIONS, FRIDAY)
    assert not nothing.passed
    assert "unchecked" in nothing.summary


def test_interior_gaps() -> None:
    """A gap after a symbol's first bar is shown; before its first bar (a new listing) nothing is expected."""
    bars = [each for each in week(_names(20)) if (each["symbol"], each["session"]) != ("S05", date(2025, 12, 3))]
    bars = [each for each in bars if each["symbol"] != "S06" or each["session"] >= date(2025, 12, 3)]
    finding = rules.expected_sessions_present(table(bars), _ok(*_names(20)), SESSIONS, FRIDAY)
    assert (finding.passed, finding.evidence["interior_gaps"]) == (True, 1)
    assert finding.rows == ({"symbol": "S05", "newest": "2025-12-05", "missing": "2025-12-03"},)


def test_many_interior_gaps_fail() -> None:
    """Half of the symbols without one of the four earlier sessions is more than a tenth of the bars."""
    bars = [each for each in week(_names(20)) if each["symbol"] < "S10" or each["session"] != date(2025, 12, 3)]
    finding = rules.expected_sessions_present(table(bars), _ok(*_names(20)), SESSIONS, FRIDAY)
    assert not finding.passed
    assert "10 of 20 symbols lack 10 earlier sessions" in finding.summary


def test_a_day_of_nobody_is_told() -> None:
    """A session on which no symbol has a bar is an unannounced closure or a vendor's gap, and fails."""
    window = [MONDAY + timedelta(days=n) for n in range(21)]
    bars = table(each for each in week(_names(6), days=21) if each["session"] != date(2025, 12, 3))
    finding = rules.expected_sessions_present(bars, _ok(*_names(6)), window, window[-1])
    assert not finding.passed
    assert finding.evidence["interior_share"] < 0.1
    assert finding.evidence["days_of_nobody"] == "2025-12-03"
    assert finding.summary.startswith("no symbol has a bar on 2025-12-03: an unannounced closure")


def test_unexpected_sessions() -> None:
    """Bars on a Saturday are found with their day; one symbol in twenty is evidence."""
    saturday = date(2025, 12, 6)
    shifted = table([*week(["AAA"]), row("BBB", saturday)])
    finding = rules.unexpected_sessions(shifted, SESSIONS)
    assert not finding.passed
    assert finding.severity == "warn"
    assert finding.summary == "1 of 2 symbols have bars on closed days: BBB (2025-12-06)"
    few = rules.unexpected_sessions(table([*week(_names(20)), row("S03", saturday)]), SESSIONS)
    assert (few.passed, few.evidence["bad_rows"]) == (True, 1)
    assert _symbols(few) == {"S03"}


def test_stale_prices() -> None:
    """The vendor is late as a whole when nobody has the session; an empty table is stale."""
    assert rules.stale_prices(table(week(["AAA"])), FRIDAY).passed
    late = rules.stale_prices(table(week(["AAA", "BBB"], days=3)), FRIDAY)
    assert not late.passed
    assert late.summary == "the newest bar of any symbol is of 2025-12-03, expected 2025-12-05"
    assert not rules.stale_prices(PRICES.empty_table(), FRIDAY).passed


@pytest.mark.parametrize(
    ("count", "before", "passed"),
    [
        (1985, 2031, True),
        (1016, 2031, True),
        (1015, 2031, False),
        (0, 2031, False),
        (499, None, False),
        (500, None, True),
        (5, 6, True),
        (0, 0, False),
    ],
)
def test_listing_size(count: int, before: int | None, passed: bool) -> None:  # noqa: FBT001  # a parametrized value
    """Half of the listing before is the least; without one, or after an empty one, the floor."""
    assert rules.listing_plausible(count, before).passed is passed
    assert rules.listing_plausible(5, None, floor=5).passed


# --- scale


def _times(bars: list[dict[str, Any]], symbol: str, since: date, factor: float) -> list[dict[str, Any]]:
    """The bars with all prices of one symbol multiplied from a day on."""
    prices = ("open", "high", "low", "close", "adj_close")
    return [
        each | {name: each[name] * factor for name in prices}
        if each["symbol"] == symbol and each["session"] >= since
        else each
        for each in bars
    ]


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [
        (100.0, "likely ×100 unit error"),
        (0.01, "likely ÷100 unit error"),
        (118.0, "likely ×100 unit error"),
        (0.25, "unexplained split 4:1"),
        (0.52, "unexplained split 2:1"),
        (10.0, "unexplained split 1:10"),
    ],
)
def test_a_change_of_scale_is_found(factor: float, verdict: str) -> None:
    """A ×100 unit error and a split without an announcement are named, in the table and against the stored close."""
    healthy = week(["AAA", "BBB"])
    finding = rules.scale_against_previous_close(table(_times(healthy, "BBB", FRIDAY, factor)))
    assert not finding.passed
    assert [(each["symbol"], each["session"], each["verdict"]) for each in finding.rows] == [
        ("BBB", "2025-12-05", verdict)
    ]
    assert finding.summary == f"1 of 2 symbols change scale without a split: BBB ({verdict} on 2025-12-05)"
    newest = [each for each in healthy if each["session"] == FRIDAY]
    alone = rules.scale_against_previous_close(
        table(_times(newest, "BBB", FRIDAY, factor)), table(week(["AAA", "BBB"], days=4))
    )
    assert [(each["symbol"], each["against"], each["verdict"]) for each in alone.rows] == [
        ("BBB", "stored close", verdict)
    ]


def test_a_whole_answer_of_another_scale_is_found() -> None:
    """Where every bar of the answer is ×100, the table is smooth; the stored close of the same session tells."""
    finding = rules.scale_against_previous_close(
        table(_times(week(["AAA", "BBB"]), "BBB", MONDAY, 100.0)), table(week(["AAA", "BBB"], days=4))
    )
    assert not finding.passed
    assert [(each["symbol"], each["session"]) for each in finding.rows] == [("BBB", "2025-12-04")]


def test_a_restated_day_needs_no_open_near_the_old_close() -> None:
    """Where both closes are of one session, the step is a change of scale wherever that day opened."""
    restated = table([row("AAA", FRIDAY, 2.5, open=1.25, low=1.25)])
    finding = rules.scale_against_previous_close(restated, table([row("AAA", FRIDAY, 10.0, open=5.0, low=5.0)]))
    assert finding.rows[0]["verdict"] == "unexplained split 4:1"


def test_only_the_close_in_another_unit() -> None:
    """A close in cents beside an open in dollars is a unit error, though the open looks right."""
    bars = [*week(["AAA"], days=4), row("AAA", FRIDAY, close=1000.0, open=10.0, high=1000.0, low=10.0)]
    assert rules.scale_against_previous_close(table(bars)).rows[0]["verdict"] == "likely ×100 unit error"


def test_a_split_explains_its_step() -> None:
    """With the factor in the row or a later one, a step is explained: in the table, and against the stored close."""
    before = week(["AAA"], days=4, close=100.0)
    after = _times(week(["AAA"], close=100.0), "AAA", MONDAY, 0.25)
    after[4]["split"] = 4.0
    finding = rules.scale_against_previous_close(table(after), table(before))
    assert finding.passed
    assert finding.evidence["explained"] == 1
    assert finding.rows[0]["verdict"] == "explained by a split of 4"
    unadjusted = [*before, row("AAA", FRIDAY, 25.0, split=4.0)]
    assert rules.scale_against_previous_close(table(unadjusted)).passed
    wrong = [*before, row("AAA", FRIDAY, 25.0, split=2.0)]
    assert not rules.scale_against_previous_close(table(wrong)).passed


def test_two_splits_together_explain() -> None:
    """A stored close from before two splits is explained by their product."""
    after = week(["AAA"], close=10.0)
    after[3]["split"], after[4]["split"] = 2.0, 3.0
    assert rules.scale_against_previous_close(table(after), table([row("AAA", MONDAY, 60.0)])).passed


def test_a_nan_split_explains_nothing() -> None:
    """A split of NaN, zero or below is no explanation."""
    for factor in (NAN, 0.0, -4.0):
        bars = [*week(["AAA"], days=4), row("AAA", FRIDAY, 2.5, split=factor)]
        assert not rules.scale_against_previous_close(table(bars)).passed, factor


def test_real_jumps_are_evidence() -> None:
    """A day that opens at the old price and doubles, and a penny share that moves by ticks, are jumps, not splits."""
    opened = [*week(["AAA"], days=4), row("AAA", FRIDAY, 20.0, open=10.0, low=10.0)]
    penny = [*week(["AAA"], days=4, close=0.02), row("AAA", FRIDAY, 0.04)]
    for bars in (opened, penny):
        finding = rules.scale_against_previous_close(table(bars))
        assert (finding.passed, finding.evidence["jumps"]) == (True, 1)
        assert finding.rows[0]["verdict"] == "jump"


def test_a_known_split_step_is_told_once() -> None:
    """A split step that yesterday's table held already is evidence today; a unit error stays an error."""
    split = table(_times(week(["AAA"]), "AAA", date(2025, 12, 3), 0.25))
    again = rules.scale_against_previous_close(split, split)
    assert again.passed
    assert again.rows[0]["verdict"] == "known unexplained split 4:1"
    units = table(_times(week(["AAA"]), "AAA", date(2025, 12, 3), 100.0))
    assert not rules.scale_against_previous_close(units, units).passed


def test_prices_that_are_none_do_not_divide() -> None:
    """Zero, negative and NaN closes raise nothing, and a step over them is still seen."""
    for bad in (0.0, -5.0, NAN, INF):
        bars = [*week(["AAA"], days=3), row("AAA", date(2025, 12, 4), bad), row("AAA", FRIDAY, 1000.0)]
        finding = rules.scale_against_previous_close(table(bars), table([row("AAA", date(2025, 11, 28), bad)]))
        assert [each["session"] for each in finding.rows] == ["2025-12-05"]


def test_an_unknown_symbol_has_no_stored_close() -> None:
    """A symbol listed today is compared with nothing."""
    assert rules.scale_against_previous_close(table([row("NEW", FRIDAY, 1.0)]), table(week(["AAA"]))).passed


PRICE = st.floats(width=64) | st.sampled_from([0.01, 1.0, 2.0, 100.0])


@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 4), PRICE, PRICE, PRICE), max_size=12))
def test_no_numbers_break_a_rule(drawn: list[tuple[str, int, float, float, float]]) -> None:
    """Whatever floats a vendor sends, every rule answers, and what it answers is JSON."""
    bars = table(
        row(symbol, MONDAY + timedelta(days=day), close, open=opens, split=split)
        for symbol, day, close, opens, split in drawn
    )
    findings = [
        rules.prices_finite_and_positive(bars),
        rules.ohlc_consistent(bars),
        rules.no_duplicates(bars),
        rules.volume_plausible(bars),
        rules.scale_against_previous_close(bars, bars),
        rules.expected_sessions_present(bars, [], SESSIONS, FRIDAY),
        rules.unexpected_sessions(bars, SESSIONS),
        rules.stale_prices(bars, FRIDAY),
    ]
    for finding in findings:
        json.dumps([finding.evidence, finding.rows, finding.summary], allow_nan=False)
        assert len(finding.rows) <= 20


# --- real bars


@pytest.fixture(scope="module")
def real() -> list[dict[str, Any]]:
    """100 real ASX symbols, BHP among them, over the ten sessions to 2025-12-05."""
    return replay("yahoo_asx", date(2025, 11, 24), FRIDAY, skip=100, limit=100)


REAL_SESSIONS = calendar("XASX").sessions(date(2025, 11, 24), FRIDAY)


def _all(bars: list[dict[str, Any]], previous: Any = None) -> dict[str, Finding]:
    prices = table(bars)
    outcomes = _ok(*sorted({each["symbol"] for each in bars}))
    findings = [
        rules.fetched_share(outcomes),
        rules.prices_finite_and_positive(prices),
        rules.ohlc_consistent(prices),
        rules.no_duplicates(prices),
        rules.volume_plausible(prices),
        rules.stale_prices(prices, FRIDAY),
        rules.expected_sessions_present(prices, outcomes, REAL_SESSIONS, FRIDAY),
        rules.unexpected_sessions(prices, REAL_SESSIONS),
        rules.scale_against_previous_close(prices, previous),
    ]
    return {finding.rule: finding for finding in findings}


def test_a_real_day_passes(real: list[dict[str, Any]]) -> None:
    """No rule fails on a real, healthy day of 100 ASX companies."""
    previous = table(each for each in real if each["session"] < FRIDAY)
    assert [finding.summary for finding in _all(real, previous).values() if not finding.passed] == []


@pytest.mark.parametrize(
    ("name", "mic", "last"), [("yahoo_us", "XNYS", date(2026, 1, 5)), ("yahoo_asx", "XASX", date(2025, 6, 30))]
)
def test_real_weeks_pass(name: str, mic: str, last: date) -> None:
    """Every rule passes on each of five real days in a row, each held against the day before."""
    here = calendar(mic)
    days = here.sessions(last - timedelta(days=30), last)
    bars = replay(name, days[0], last)
    previous = None
    for day in days[-5:]:
        window = [known for known in days if known <= day][-10:]
        prices = table(each for each in bars if window[0] <= each["session"] <= day)
        for finding in (
            rules.prices_finite_and_positive(prices),
            rules.ohlc_consistent(prices),
            rules.no_duplicates(prices),
            rules.volume_plausible(prices),
            rules.stale_prices(prices, day),
            rules.expected_sessions_present(prices, [], window, day),
            rules.unexpected_sessions(prices, window),
            rules.scale_against_previous_close(prices, previous),
        ):
            assert finding.passed, (day, finding.summary)
        previous = prices


def _fault(bars: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The real bars with one fault in the newest bar of BHP."""
    victim = "BHP.AX"
    newest = next(each for each in bars if each["symbol"] == victim and each["session"] == FRIDAY)
    rest = [each for each in bars if each is not newest]
    swapped = newest | {"high": newest["low"], "low": newest["high"]}
    return {
        "times 100": lambda: _times(bars, victim, FRIDAY, 100.0),
        "divided by 100": lambda: _times(bars, victim, FRIDAY, 0.01),
        "4:1 split": lambda: _times(bars, victim, FRIDAY, 0.25),
        "swapped": lambda: [*rest, swapped],
        "NaN close": lambda: [*rest, newest | {"close": NAN}],
        "duplicate": lambda: [*bars, newest],
        "missing newest": lambda: rest,
    }[name]()


@pytest.mark.parametrize(
    ("fault", "rule", "passed"),
    [
        ("times 100", "scale_against_previous_close", False),
        ("divided by 100", "scale_against_previous_close", False),
        ("4:1 split", "scale_against_previous_close", False),
        ("swapped", "ohlc_consistent", False),
        ("NaN close", "prices_finite_and_positive", False),
        ("NaN close", "ohlc_consistent", False),
        ("duplicate", "no_duplicates", False),
        ("missing newest", "expected_sessions_present", True),
    ],
)
def test_a_fault_in_real_bars_is_found(
    real: list[dict[str, Any]],
    fault: str,
    rule: str,
    passed: bool,  # noqa: FBT001  # a parametrized value
) -> None:
    """Each fault put into one of 100 real symbols is found by its rule, with that symbol and no other."""
    finding = _all(_fault(real, fault))[rule]
    assert finding.passed is passed
    culprits = {each["symbol"] for each in finding.rows if each.get("verdict") != "jump"}
    if fault == "missing newest":
        gaps = _all(real)[rule].rows
        culprits -= {each["symbol"] for each in gaps}
    assert culprits == {"BHP.AX"}
