"""One batch of one day: who is asked, what is kept, and when it is red."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stocks_pipeline.defs.batch_file import PROVISIONAL, BatchState
from stocks_pipeline.defs.batch_merge import EMPTY
from stocks_pipeline.defs.checks import findings, partition_checks
from stocks_pipeline.defs.fetching import SETTLE, WRITES, BatchFailedError, BatchFetch, BatchReport
from stocks_pipeline.domain.calendars import calendar
from stocks_pipeline.domain.schemas import PRICES
from stocks_pipeline.domain.symbols import BatchPlan
from stocks_pipeline.fanout import PartitionCheck
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Conflict, Lake, Written, open_lake
from stocks_pipeline.storage.tables import DATA_VERSION, read_stored, write_table
from stocks_pipeline.upstream.failures import RETRYABLE, FailureKind, UpstreamError
from stocks_pipeline.upstream.limits import Cancelled
from stocks_pipeline.upstream.yahoo import Window
from stocks_pipeline_tests.fake_feed import CannedFeed, Reply, bars_of, closes, codes, refused, sane_bars
from stocks_pipeline_tests.fakes import FakeClock

DAY = date(2025, 12, 5)
CLOSE = calendar("XASX").close_at(DAY)
EVENING = datetime(2025, 12, 5, 8, tzinfo=UTC)
FOUR = ("AAA", "BBB", "CCC", "DDD")
RED = [kind for kind in FailureKind if kind in RETRYABLE or kind is FailureKind.QUOTA_DAY]


@dataclass
class Desk:
    """A batch of one day on a tmp lake, run as often as a test likes."""

    lake: Lake
    feed: CannedFeed = field(default_factory=CannedFeed)
    clock: FakeClock = field(default_factory=lambda: FakeClock(EVENING.timestamp()))
    plan: BatchPlan = field(default_factory=lambda: BatchPlan.of(FOUR))

    def work(
        self, *, chosen: Sequence[str] | None = None, lookback: int = 4, refetch: bool = False, lacking: bool = False
    ) -> BatchFetch:
        """The work as one run sees it."""
        return BatchFetch(
            market="asx",
            suffix=".AX",
            day=DAY,
            plan=self.plan,
            chosen=frozenset(chosen or self.plan.symbols),
            lookback_days=lookback,
            refetch=refetch,
            lacking=lacking,
            lake=self.lake,
            feed=self.feed,
            clock=self.clock,
            calendar=calendar("XASX"),
            stop=threading.Event(),
        )

    def run(self, **how: Any) -> BatchReport:
        """What the fan-out does for one partition: reuse what is stored, else fetch."""
        work = self.work(**how)
        return (None if how.get("refetch") else work.stored(0)) or work.fetch(0)

    def state(self) -> BatchState:
        """What is stored."""
        found = self.work().state(0)
        assert found is not None
        return found

    def asked(self) -> list[str]:
        """Who was asked since the last look."""
        found = self.feed.symbols_asked
        self.feed.forget()
        return found

    def fails(self, *symbols: str, kind: FailureKind = FailureKind.TRANSIENT) -> None:
        """From now on exactly these symbols fail."""
        self.feed.script = {f"{s}.AX": refused(f"{s}.AX", kind) for s in symbols}


@dataclass
class BlockedFeed(CannedFeed):
    """A feed that answers when it is told to."""

    reached: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def daily_bars(
        self, symbols: Sequence[str], window: Window, *, stop: threading.Event | None = None
    ) -> Iterator[tuple[str, Reply]]:
        self.reached.set()
        assert self.go.wait(5)
        yield from super().daily_bars(symbols, window, stop=stop)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk with an empty lake."""
    return Desk(open_lake(str(tmp_path)))


def statuses(state: BatchState) -> Mapping[str, str]:
    """Symbol -> status."""
    return {s: o.status for s, o in state.outcomes.items()}


def fetched(state: BatchState) -> PartitionCheck:
    """What the batch's check `symbols_fetched` says."""
    checked = partition_checks(findings(state.table, state.ordered, DAY, calendar("XASX")))
    (told,) = [check for check in checked if check.name == "symbols_fetched"]
    return told


def test_a_second_run_asks_nobody_and_rewrites_nothing(desk: Desk, tmp_path: Path) -> None:
    """E42: what is complete is not fetched again, and the file keeps its bytes and its time."""
    first = desk.run()
    file = tmp_path / layout.raw_key("asx", DAY, 0)
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    assert desk.asked() == ["AAA.AX", "BBB.AX", "CCC.AX", "DDD.AX"]
    desk.clock.advance(3600)
    second = desk.run()
    assert desk.asked() == []
    assert (first.asked, second.asked) == (4, 0)
    assert (first.stored.changed, second.stored.changed) == (True, False)
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before


def test_the_window_is_the_days_before_and_the_day_itself(desk: Desk) -> None:
    """F03, F06: both ends are days of the partition's key, and the vendor's own spelling is asked (F04)."""
    desk.run(lookback=4)
    ((symbols, window),) = desk.feed.asked
    assert window == Window(date(2025, 12, 1), DAY)
    assert symbols == ("AAA.AX", "BBB.AX", "CCC.AX", "DDD.AX")
    assert set(closes(desk.state().table)) == {(s, date(2025, 12, d)) for s in FOUR for d in range(1, 6)}


def test_a_refetch_asks_everyone_and_an_unchanged_answer_rewrites_nothing(desk: Desk, tmp_path: Path) -> None:
    """E42: `refetch` asks the vendor; the same content at another minute leaves the file as it is."""
    desk.run()
    desk.asked()
    file = tmp_path / layout.raw_key("asx", DAY, 0)
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    desk.clock.advance(3600)
    report = desk.run(refetch=True)
    assert len(desk.asked()) == 4
    assert not report.stored.changed
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before


@pytest.mark.parametrize("kind", RED)
def test_one_symbol_that_failed_for_a_passing_reason_is_asked_again_alone(desk: Desk, kind: FailureKind) -> None:
    """E16: one bad symbol never costs the batch; the next run asks for exactly it."""
    desk.feed.script = {"BBB.AX": refused("BBB.AX", kind)}
    if kind in {FailureKind.AUTH, FailureKind.QUOTA_DAY}:
        with pytest.raises(BatchFailedError):
            desk.run()
    else:
        desk.run()
    assert statuses(desk.state()) == {"AAA": "ok", "BBB": "failed", "CCC": "ok", "DDD": "ok"}
    desk.asked()
    desk.fails()
    report = desk.run()
    assert desk.asked() == ["BBB.AX"]
    assert report.asked == 1
    assert statuses(desk.state()) == dict.fromkeys(FOUR, "ok")


def test_a_symbol_refused_for_good_is_never_asked_again(desk: Desk) -> None:
    """E16: an unknown symbol is recorded with its class and costs no further call."""
    desk.fails("BBB", "CCC", "DDD", kind=FailureKind.PERMANENT)
    report = desk.run()
    assert [(o.symbol, o.kind, o.attempts) for o in report.state.ordered if o.status == "failed"] == [
        (s, "permanent", 4) for s in ("BBB", "CCC", "DDD")
    ]
    desk.asked()
    desk.run()
    assert desk.asked() == []


def test_a_batch_that_the_vendor_knows_nothing_of_is_stored_and_green(desk: Desk) -> None:
    """E16: all symbols refused for good is a fact about them, not an outage: empty file, outcomes kept, no red."""
    desk.fails(*FOUR, kind=FailureKind.PERMANENT)
    report = desk.run()
    assert report.stored.rows == 0
    assert set(statuses(desk.state()).values()) == {"failed"}


def test_a_symbol_without_bars_is_answered(desk: Desk) -> None:
    """A suspended company has an answer and no rows: no_bars, and nobody is asked again."""
    desk.feed.script = {"BBB.AX": bars_of("BBB.AX", [])}
    desk.run()
    assert desk.state().outcomes["BBB"].status == "no_bars"
    desk.asked()
    desk.run()
    assert desk.asked() == []


def test_a_bar_without_a_close_is_counted_not_hidden(desk: Desk) -> None:
    """F02: rows that the gateway left out are told in the symbol's outcome."""
    desk.feed.script = {"BBB.AX": bars_of("BBB.AX", [DAY], dropped=2)}
    assert "2 rows without a close" in desk.run().state.outcomes["BBB"].message


def test_symbols_without_the_days_bar_are_asked_again_when_it_is_wanted(desk: Desk) -> None:
    """The vendor was late with one bar and had none at all of another: they count as answered, so an ordinary run asks
    for neither; `lacking` asks for exactly those two, and not again for the one that came.
    """
    late, none = bars_of("BBB.AX", [DAY - timedelta(days=1)]), bars_of("CCC.AX", [])
    desk.feed.script = {"BBB.AX": late, "CCC.AX": none, "DDD.AX": refused("DDD.AX", FailureKind.PERMANENT)}
    desk.run()
    assert desk.state().lacking(DAY) == {"BBB", "CCC"}
    desk.asked()
    desk.run()
    assert desk.asked() == []
    desk.feed.script = {"CCC.AX": none}
    desk.run(lacking=True)
    assert desk.asked() == ["BBB.AX", "CCC.AX"]
    assert desk.state().lacking(DAY) == {"CCC"}
    desk.run(lacking=True)
    assert desk.asked() == ["CCC.AX"]


@pytest.mark.parametrize(
    ("moment", "again"),
    [
        (CLOSE - timedelta(hours=1), True),
        (CLOSE + SETTLE - timedelta(seconds=1), True),
        (CLOSE + SETTLE, False),
        (CLOSE + timedelta(days=3), False),
    ],
)
def test_a_day_fetched_before_its_bar_settled_is_asked_again(desk: Desk, moment: datetime, *, again: bool) -> None:
    """F06: a bar fetched before close + 20 minutes may still change, so it is provisional and fetched anew."""
    desk.clock = FakeClock(moment.timestamp())
    report = desk.run()
    assert report.state.provisional == again
    desk.asked()
    desk.clock = FakeClock(EVENING.timestamp() + 7 * 86_400)
    desk.feed.script = lambda symbol, window: sane_bars(symbol, window, close=11.0)
    desk.run()
    assert len(desk.asked()) == (4 if again else 0)
    assert closes(desk.state().table)["AAA", DAY] == (11.0 if again else 10.0)
    assert not desk.state().provisional


def test_one_symbol_of_a_provisional_batch_does_not_settle_the_others(desk: Desk) -> None:
    """A later run for AAA alone must not declare the noon bars of the other three final."""
    desk.clock = FakeClock((CLOSE - timedelta(hours=1)).timestamp())
    desk.run()
    desk.clock = FakeClock(EVENING.timestamp())
    desk.run(chosen=["AAA"])
    assert desk.state().provisional
    desk.asked()
    desk.run()
    assert desk.asked() == ["BBB.AX", "CCC.AX", "DDD.AX"]
    assert not desk.state().provisional


@pytest.mark.parametrize("kind", list(FailureKind))
def test_a_provisional_symbol_that_fails_later_costs_the_others_no_call(desk: Desk, kind: FailureKind) -> None:
    """F06: three final bars stay final while the fourth is asked again, or never if it is refused for good."""
    desk.clock = FakeClock((CLOSE - timedelta(hours=1)).timestamp())
    desk.run()
    desk.clock = FakeClock(EVENING.timestamp())
    desk.fails("DDD", kind=kind)
    with suppress(BatchFailedError):
        desk.run()
    gone = kind is FailureKind.PERMANENT
    assert desk.state().unsettled == (frozenset() if gone else {"DDD"})
    desk.asked()
    desk.fails()
    desk.run()
    assert desk.asked() == ([] if gone else ["DDD.AX"])
    assert not desk.state().provisional


def test_a_noon_bar_that_the_evening_has_no_answer_to_stays_provisional(desk: Desk) -> None:
    """F06: an answer without bars settles nothing that is stored."""
    desk.clock = FakeClock((CLOSE - timedelta(hours=1)).timestamp())
    desk.run()
    desk.clock = FakeClock(EVENING.timestamp())
    desk.feed.script = {"DDD.AX": bars_of("DDD.AX", [])}
    desk.run()
    assert desk.state().unsettled == {"DDD"}


def test_a_batch_stored_before_its_provisional_symbols_were_named_is_asked_again(desk: Desk) -> None:
    """F06: an older file says only that it is provisional: then all of it is."""
    desk.run()
    key = layout.raw_key("asx", DAY, 0)
    table, metadata, _ = read_stored(desk.lake, key, PRICES)
    del metadata[DATA_VERSION]
    write_table(desk.lake, key, table, PRICES, metadata={**metadata, PROVISIONAL: "true"})
    assert desk.state().unsettled == set(FOUR)


def test_a_larger_lookback_asks_again_and_a_smaller_one_keeps_what_is_there(desk: Desk) -> None:
    """E42: more history is fetched once; asking for less later neither calls the vendor nor drops a row."""
    desk.run(lookback=4)
    desk.asked()
    desk.run(lookback=11)
    assert len(desk.asked()) == 4
    long = closes(desk.state().table)
    assert len(long) > 4 * 5
    desk.run(lookback=4)
    assert desk.asked() == []
    desk.run(lookback=4, refetch=True)
    assert closes(desk.state().table) == long


def test_a_subset_with_a_larger_lookback_does_not_speak_for_the_others(desk: Desk) -> None:
    """What the file promises is what its poorest symbol has."""
    desk.run(lookback=4)
    desk.run(lookback=11, chosen=["AAA"])
    desk.asked()
    desk.run(lookback=11)
    assert len(desk.asked()) == 4


@pytest.mark.parametrize("kind", list(FailureKind))
def test_a_failing_refetch_keeps_every_stored_row(desk: Desk, kind: FailureKind) -> None:
    """F10: a refetch that fails, in part or in whole and for whatever reason, never makes the lake poorer."""
    desk.run()
    before = closes(desk.state().table)
    for failing in (("BBB",), FOUR):
        desk.fails(*failing, kind=kind)
        red = kind in {FailureKind.AUTH, FailureKind.QUOTA_DAY} or (kind in RETRYABLE and failing == FOUR)
        with pytest.raises(BatchFailedError) if red else nullcontext():
            desk.run(refetch=True)
        assert closes(desk.state().table) == before
        assert statuses(desk.state()) == dict.fromkeys(FOUR, "ok")
        state = desk.state()
        told_of = {s: (o.kind, o.message, o.rows) for s, o in state.outcomes.items() if o.kind}
        assert told_of == dict.fromkeys(failing, (kind.value, "refresh failed: 503: try later", 5))
        told = fetched(state)
        assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.WARN)
        assert told.metadata["refresh_failed"] == len(failing)
        assert f"{len(failing)} of 4 symbols could not be refreshed" in told.description
    desk.fails()
    desk.asked()
    desk.run()
    assert len(desk.asked()) == (0 if kind is FailureKind.PERMANENT else 4), "what failed to refresh is asked again"
    assert fetched(desk.state()).passed == (kind is not FailureKind.PERMANENT)


def test_a_refetch_answered_without_bars_keeps_every_stored_row(desk: Desk) -> None:
    """F10: an empty body is no reason to forget what was sold on that day; it is told, and asking is over."""
    desk.run()
    before = closes(desk.state().table)
    desk.feed.script = {"BBB.AX": bars_of("BBB.AX", [])}
    state = desk.run(refetch=True).state
    assert closes(desk.state().table) == before
    assert (state.outcomes["BBB"].status, state.outcomes["BBB"].kind, state.outcomes["BBB"].rows) == ("ok", EMPTY, 5)
    assert not fetched(state).passed
    desk.asked()
    desk.run()
    assert desk.asked() == []


def test_two_runs_for_different_symbols_at_once_both_keep_their_rows(desk: Desk) -> None:
    """F10: the run that ends last adds to what the other stored meanwhile; it does not put back what it had read."""
    slow, other = BlockedFeed(), replace(desk)
    desk.feed = slow
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(desk.run, chosen=["AAA"], lookback=2)
        assert slow.reached.wait(5)
        other.feed = CannedFeed()
        other.run(chosen=["BBB"])
        other.run(chosen=["AAA"], lookback=4)
        slow.go.set()
        first.result(5)
    assert statuses(desk.state()) == {"AAA": "ok", "BBB": "ok"}
    assert set(closes(desk.state().table)) == {(s, date(2025, 12, d)) for s in ("AAA", "BBB") for d in range(1, 6)}


@pytest.mark.parametrize("conflicts", [1, WRITES - 1, WRITES])
def test_a_write_that_met_another_is_merged_anew(desk: Desk, monkeypatch: pytest.MonkeyPatch, conflicts: int) -> None:
    """F10: on S3 the other process's rows are read and kept; one that is never let in says so."""
    write, left = desk.lake.write, [*range(conflicts)]

    def crowded(key: str, data: bytes) -> Written:
        if not left:
            return write(key, data)
        left.pop()
        monkeypatch.setattr(desk.lake, "write", write)
        desk.work(chosen=["BBB"]).fetch(0)
        monkeypatch.setattr(desk.lake, "write", crowded)
        raise Conflict("another run wrote it meanwhile")

    monkeypatch.setattr(desk.lake, "exclusive", lambda _: nullcontext())
    monkeypatch.setattr(desk.lake, "write", crowded)
    with pytest.raises(Conflict) if conflicts == WRITES else nullcontext():
        desk.run(chosen=["AAA"])
    assert statuses(desk.state()) == dict.fromkeys(["BBB"] if conflicts == WRITES else ["AAA", "BBB"], "ok")


def test_many_runs_at_once_lose_nothing(tmp_path: Path) -> None:
    """F10: reading, merging and writing belong together, whoever else has a lake of its own on the same folder."""
    symbols = codes(12)
    desks = [Desk(open_lake(str(tmp_path)), plan=BatchPlan.of(symbols)) for _ in symbols]
    with ThreadPoolExecutor(len(symbols)) as pool:
        list(pool.map(lambda desk, symbol: desk.run(chosen=[symbol]), desks, symbols))
    assert statuses(desks[0].state()) == dict.fromkeys(symbols, "ok")


def test_a_run_that_has_nothing_to_ask_writes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """F10: what was read is not put back: another run may have written since."""
    stored = desk.run().stored
    monkeypatch.setattr("stocks_pipeline.defs.fetching.store_batch", lambda *_: pytest.fail("it was written"))
    report = desk.run()
    assert report.stored == replace(stored, changed=False)


def test_a_batch_is_read_in_one_go(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """F10: rows and outcomes are of one version of the file, though another is written between two reads."""
    desk.run(chosen=["AAA"])
    key, read = layout.raw_key("asx", DAY, 0), desk.lake.read
    reads: list[str] = []
    monkeypatch.setattr(desk.lake, "read", lambda k: reads.append(k) or read(k))
    monkeypatch.setattr(desk.lake, "tail", lambda *_: pytest.fail("the file was opened a second time"))
    assert desk.work().state(0) is not None
    assert reads == [key]


@pytest.mark.parametrize("kind", [FailureKind.RATE, FailureKind.TRANSIENT, FailureKind.MALFORMED])
@pytest.mark.parametrize(("failing", "red"), [(0, False), (1, False), (2, False), (3, True), (4, True)])
def test_more_than_half_failing_for_a_passing_reason_is_red(
    desk: Desk, kind: FailureKind, failing: int, *, red: bool
) -> None:
    """E17, E31: half may fail in a green batch; more is the vendor's fault and red, after storing what came."""
    desk.fails(*FOUR[:failing], kind=kind)
    if red:
        with pytest.raises(BatchFailedError) as caught:
            desk.run()
        assert caught.value.kind is kind
        assert f"{failing} of 4 symbols failed" in caught.value.message
        assert caught.value.attempts == 4
        assert caught.value.subject == "batch 0"
    else:
        desk.run()
    key = layout.raw_key("asx", DAY, 0)
    assert desk.lake.exists(key) == (failing < 4), "nothing is stored where nothing came"
    if failing < 4:
        assert list(statuses(desk.state()).values()).count("ok") == 4 - failing


@pytest.mark.parametrize("kind", [FailureKind.RATE, FailureKind.TRANSIENT, FailureKind.MALFORMED])
def test_a_rest_of_one_that_fails_again_leaves_the_batch_green(desk: Desk, kind: FailureKind) -> None:
    """E17: 1 of 100 fails twice: the second run asks for that one alone, and 1 of 100 is what it is judged by."""
    desk.plan = BatchPlan.of(codes(100))
    desk.fails("ABC", kind=kind)
    desk.run()
    desk.asked()
    report = desk.run()
    assert desk.asked() == ["ABC.AX"]
    told = fetched(report.state)
    assert (told.passed, told.severity) == (False, dg.AssetCheckSeverity.WARN)


@pytest.mark.parametrize("kind", [FailureKind.AUTH, FailureKind.QUOTA_DAY])
def test_a_refusal_of_the_whole_stage_is_red_with_one_symbol(desk: Desk, kind: FailureKind) -> None:
    """E19: a refused key or a spent allowance is red at once, whatever else failed; the answers before are stored."""
    desk.feed.script = {
        "BBB.AX": refused("BBB.AX", kind, "no"),
        "CCC.AX": refused("CCC.AX"),
        "DDD.AX": refused("DDD.AX", FailureKind.TRANSIENT),
    }
    with pytest.raises(BatchFailedError) as caught:
        desk.run()
    assert caught.value.kind is kind, "the kind that ends the stage, not the most common one"
    assert "2 transient" in caught.value.message
    assert desk.state().outcomes["AAA"].status == "ok"


@pytest.mark.parametrize("kind", list(FailureKind))
def test_only_a_refusal_of_the_stage_stops_the_other_batches(desk: Desk, kind: FailureKind) -> None:
    """E17, E19: the run's `stop` is set before the batch returns, so that no other thread begins another one."""
    desk.fails("BBB", "CCC", "DDD", kind=kind)
    work = desk.work()
    with suppress(BatchFailedError):
        work.fetch(0)
    assert work.stop.is_set() == (kind in {FailureKind.AUTH, FailureKind.QUOTA_DAY})


def test_permanent_failures_never_make_a_batch_red(desk: Desk) -> None:
    """E16: three unknown symbols and one outage: the outage is a quarter of the batch, not all of its failures."""
    desk.feed.script = {f"{s}.AX": refused(s, FailureKind.PERMANENT) for s in FOUR[:3]} | {"DDD.AX": refused("DDD.AX")}
    desk.run()
    assert statuses(desk.state()) == dict.fromkeys(FOUR, "failed")


def test_a_cancelled_batch_keeps_the_answers_that_came(desk: Desk) -> None:
    """F10: answers are stored although the run was stopped halfway; the next run asks only for the rest."""
    desk.feed.cancel_after = 3
    with pytest.raises(Cancelled):
        desk.run()
    assert statuses(desk.state()) == dict.fromkeys(FOUR[:3], "ok")
    desk.asked()
    desk.feed.cancel_after = None
    desk.run()
    assert desk.asked() == ["DDD.AX"]
    assert statuses(desk.state()) == dict.fromkeys(FOUR, "ok")


def test_a_batch_cancelled_before_any_answer_stores_nothing(desk: Desk) -> None:
    """No file means: not fetched. An empty one would look like a batch that was."""
    desk.feed.cancel_after = 0
    with pytest.raises(Cancelled):
        desk.run()
    assert not desk.lake.exists(layout.raw_key("asx", DAY, 0))


def test_a_cancelled_refetch_keeps_the_rows_of_those_not_reached(desk: Desk) -> None:
    """F10: what the refetch did not reach stays as it was."""
    desk.run()
    desk.feed.script = lambda symbol, window: sane_bars(symbol, window, close=11.0)
    desk.feed.cancel_after = 2
    with pytest.raises(Cancelled):
        desk.run(refetch=True)
    now = closes(desk.state().table)
    assert [now[s, DAY] for s in FOUR] == [11.0, 11.0, 10.0, 10.0]


def test_symbols_that_left_and_joined_a_repinned_batch(desk: Desk) -> None:
    """E04: after a repin the batch holds its new members only, and only the joiners are asked for."""
    desk.run()
    desk.asked()
    desk.plan = BatchPlan.of(("AAA", "CCC", "DDD", "EEE"))
    desk.run()
    assert desk.asked() == ["EEE.AX"]
    assert statuses(desk.state()) == dict.fromkeys(desk.plan.symbols, "ok")
    assert {symbol for symbol, _ in closes(desk.state().table)} == set(desk.plan.symbols)


def test_a_batch_that_only_lost_a_symbol_loses_its_rows_without_a_call(desk: Desk) -> None:
    """E04: nobody is asked, yet the rows of the symbol that left are gone from the file."""
    desk.run()
    desk.asked()
    desk.plan = BatchPlan.of(FOUR[:3])
    desk.run()
    assert desk.asked() == []
    assert {symbol for symbol, _ in closes(desk.state().table)} == set(FOUR[:3])


def test_a_run_for_some_symbols_leaves_the_others_alone(desk: Desk) -> None:
    """A16: naming two symbols asks for two, and the next whole run asks for the other two."""
    desk.run(chosen=["BBB", "CCC"])
    assert desk.asked() == ["BBB.AX", "CCC.AX"]
    assert statuses(desk.state()) == {"BBB": "ok", "CCC": "ok"}
    desk.run()
    assert desk.asked() == ["AAA.AX", "DDD.AX"]


def test_the_rows_know_where_they_come_from(desk: Desk) -> None:
    """F05, F06: source, currency, batch and the moment of the answer are on every row; that moment picks nothing."""
    desk.run()
    rows = desk.state().table.to_pylist()
    assert {(r["source"], r["currency"], r["batch_number"]) for r in rows} == {("canned", "AUD", 0)}
    assert {r["fetched_at"] for r in rows} == {EVENING}


def test_an_unknown_session_is_never_provisional(desk: Desk) -> None:
    """F17: beyond the calendar nobody knows a close, so nothing waits for it."""
    beyond = calendar("XASX").last + timedelta(days=1)
    work = BatchFetch(**{**desk.work().__dict__, "day": beyond})
    assert work.calendar.is_session(beyond) is None
    desk.feed.script = lambda symbol, _window: bars_of(symbol, [beyond])
    assert not work.fetch(0).state.provisional


def test_a_batch_that_the_day_never_had_is_refused_for_good(desk: Desk) -> None:
    """E09: batch 7 of a day with one batch is a mistake of the caller, not an outage."""
    with pytest.raises(UpstreamError) as caught:
        desk.work().fetch(7)
    assert caught.value.kind is FailureKind.PERMANENT
    assert "batch 7" in str(caught.value)


def test_rows_of_a_longer_run_for_some_survive_a_shorter_refetch(desk: Desk) -> None:
    """E42: one symbol was fetched further back than the rest of its batch; a refetch without that keeps its rows."""
    desk.run(lookback=2)
    desk.run(lookback=4, refetch=True, chosen=FOUR[:1])
    held = set(closes(desk.state().table))
    assert (FOUR[0], date(2025, 12, 1)) in held
    desk.run(lookback=2, refetch=True)
    assert held <= set(closes(desk.state().table))


KINDS = st.sampled_from(["ok", *(k.value for k in FailureKind if k is not FailureKind.PERMANENT)])
ROUND = st.tuples(
    st.lists(KINDS, min_size=4, max_size=4),
    st.booleans(),
    st.sampled_from([2, 4]),
    st.sampled_from([FOUR, FOUR[:1], FOUR[1:3]]),
    st.sampled_from([None, None, 0, 1, 3]),
)


@settings(max_examples=60, deadline=None)
@given(rounds=st.lists(ROUND, max_size=5))
def test_any_sequence_of_failures_converges_and_never_loses_a_row(
    rounds: list[tuple[list[str], bool, int, Sequence[str], int | None]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """F10, E42: whatever fails, is cancelled or narrowed on the way, no stored row is lost, and a good run ends it."""
    desk = Desk(open_lake(str(tmp_path_factory.mktemp("lake"))))
    held: set[tuple[str, date]] = set()
    for outcomes, refetch, lookback, chosen, cancel in rounds:
        desk.feed.script = _script(outcomes)
        desk.feed.cancel_after = cancel
        with suppress(BatchFailedError, Cancelled):
            desk.run(refetch=refetch, lookback=lookback, chosen=chosen)
        state = desk.work().state(0)
        now = set(closes(state.table)) if state else set()
        assert held <= now
        assert not state or {s for s, _ in now} == {s for s, o in state.outcomes.items() if o.status == "ok"}
        held = now
    desk.fails()
    desk.feed.cancel_after = None
    desk.run(lookback=4)
    whole = {(s, date(2025, 12, d)) for s in FOUR for d in range(1, 6)}
    assert set(closes(desk.state().table)) == whole
    assert statuses(desk.state()) == dict.fromkeys(FOUR, "ok")
    desk.asked()
    desk.run(lookback=4)
    assert desk.asked() == []


def _script(outcomes: Sequence[str]) -> dict[str, Reply]:
    paired = zip(FOUR, outcomes, strict=True)
    return {f"{s}.AX": refused(f"{s}.AX", FailureKind(k)) for s, k in paired if k != "ok"}
