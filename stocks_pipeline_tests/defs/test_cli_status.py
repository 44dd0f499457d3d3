"""What `stocks status` says of runs and of days."""

from pathlib import Path

import dagster as dg
import pytest

from stocks_pipeline.cli.day_report import DayReport, day_report
from stocks_pipeline.cli.desk import all_markets, open_instance
from stocks_pipeline.cli.foreground import Foreground
from stocks_pipeline.cli.output import Exit
from stocks_pipeline.cli.status import last_runs, show_status
from stocks_pipeline.defs.operations.dead_runs import WORKER_TAG
from stocks_pipeline.settings import Settings
from stocks_pipeline_tests.fake_feed import codes, refused
from stocks_pipeline_tests.market_desk import DAY, MARKET, market_desk

WHOLE = DayReport(
    "asx",
    "2025-12-05",
    companies=250,
    planned_symbols=250,
    batches=3,
    batches_stored=3,
    rows=2500,
    symbols_with_session=249,
    complete=True,
)


def report(**fields: object) -> DayReport:
    """WHOLE with some fields otherwise."""
    return DayReport(**{**vars(WHOLE), **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "sentence", "commands"),
    [
        (WHOLE, "ASX 2025-12-05 is whole: 3 batches, 249 bars.", []),
        (
            DayReport("asx", "2025-12-05"),
            "ASX 2025-12-05 is not there: nothing is stored.",
            ["stocks run asx --date 2025-12-05"],
        ),
        (
            report(batches_failed=[1, 2], batches_missing=[2], complete=False),
            "ASX 2025-12-05 is not whole: 2 of 3 batches failed (1, 2).",
            ["stocks retry asx/raw_prices --date 2025-12-05"],
        ),
        (
            report(batches_missing=[2], complete=False),
            "ASX 2025-12-05 is not whole: 1 of 3 batches missing (2).",
            ["stocks retry asx/raw_prices --date 2025-12-05"],
        ),
        (report(batches=1, symbols_with_session=1), "ASX 2025-12-05 is whole: 1 batch, 1 bar.", []),
        (
            report(batches=1, batches_missing=[0], complete=False),
            "ASX 2025-12-05 is not whole: 1 of 1 batch missing (0).",
            ["stocks retry asx/raw_prices --date 2025-12-05"],
        ),
        (
            report(batches_pending=[0], symbols_pending=1, complete=False),
            "ASX 2025-12-05 is not whole: 1 symbol can still be had.",
            ["stocks retry asx/raw_prices --date 2025-12-05 --pending"],
        ),
        (
            report(batches_pending=[0], symbols_pending=4, complete=False),
            "ASX 2025-12-05 is not whole: 4 symbols can still be had.",
            ["stocks retry asx/raw_prices --date 2025-12-05 --pending"],
        ),
        (
            report(symbols_with_session=None, complete=None),
            "ASX 2025-12-05 is not whole: not merged.",
            ["stocks run asx --date 2025-12-05"],
        ),
        (
            report(symbols_provisional=249, complete=False),
            "ASX 2025-12-05 is not whole: 249 symbols were fetched before the close had settled.",
            ["stocks run asx --date 2025-12-05"],
        ),
        (
            report(symbols_provisional=249),
            "ASX 2025-12-05 is not whole: 249 symbols were fetched before the close had settled.",
            ["stocks run asx --date 2025-12-05"],
        ),
        (
            report(batches_running=[1]),
            "ASX 2025-12-05 is not whole: 1 of 3 batches running.",
            ["stocks status --date 2025-12-05"],
        ),
        (
            report(companies=2000),
            "ASX 2025-12-05 is whole for the 250 of 2,000 companies that were asked for: 3 batches, 249 bars.",
            [],
        ),
        (
            report(checks_failed=["day_complete"]),
            "ASX 2025-12-05 is whole: 3 batches, 249 bars; checks failed: day_complete.",
            ["stocks dev"],
        ),
    ],
)
def test_the_first_line_says_whether_the_day_is_whole(found: DayReport, sentence: str, commands: list[str]) -> None:
    """One sentence and the commands that bring what is missing."""
    assert found.headline() == sentence
    assert [command for _, command in found.next_steps()] == commands


def test_a_day_fetched_before_its_close_is_not_whole_until_it_is_fetched_again(tmp_path: Path) -> None:
    """F06: `stocks run` at noon ends partial, and says that the bars are not final."""
    with market_desk(tmp_path / "lake", *codes(4)) as desk:
        evening = desk.clock.now()
        desk.clock.advance(-6 * 3600)
        desk.list()
        desk.prices()
        desk.daily()
        noon = day_report(desk.instance, MARKET, desk.lake, DAY)
        desk.clock.advance((evening - desk.clock.now()).total_seconds())
        desk.prices()
        desk.daily()
        final = day_report(desk.instance, MARKET, desk.lake, DAY)
    assert (noon.complete, noon.whole, noon.symbols_provisional) == (False, False, 4)
    assert "4 symbols were fetched before the close had settled" in noon.headline()
    assert noon.checks_failed == ["day_complete"]
    assert (final.complete, final.whole, final.symbols_provisional) == (True, True, 0)


def test_runs_are_listed_newest_first_with_the_partitions_they_turned_red(tmp_path: Path) -> None:
    """A15: run id, stage, day, status, start, seconds, who asked, and what failed."""
    symbols = codes(6)
    with market_desk(tmp_path / "lake", *symbols) as desk:
        desk.feed.script = {f"{s}.AX": refused(f"{s}.AX") for s in symbols[3:]}
        worker = Foreground(desk.instance, desk.repository, MARKET, desk.clock, "a test", lambda _: None)
        done = worker.day(DAY, listing={}, batches={}, prices={})
        rows = last_runs(desk.instance, 5)
    assert [row.run_id for row in rows] == [s.run_id for s in reversed(done.stages)]
    assert [(row.stage, row.status) for row in rows] == [
        ("asx_daily_prices", "success"),
        ("asx_prices", "failure"),
        ("asx_listing", "success"),
    ]
    assert {(row.date, row.triggered_by) for row in rows} == {(str(DAY), "a test")}
    assert [row.failed_partitions for row in rows] == [[], [f"asx/raw_prices {DAY}|1"], []]
    assert all(row.started and row.started.endswith("+00:00") and row.seconds is not None for row in rows)


def test_a_day_without_sessions_may_be_a_morning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A02: Saturday has a morning and no session; on a market's holiday the other one is told."""
    monkeypatch.setenv("STOCKS_HOME", str(tmp_path))
    found = Settings.load()
    with open_instance(found):
        pass
    assert show_status(found, all_markets(), "2025-12-06", 5, as_json=False) is Exit.OK
    said = capsys.readouterr().out
    assert "No market has a session on 2025-12-06; 2025-12-05 is the one before it." in said
    assert "stocks run dr --date 2025-12-06" in said
    assert show_status(found, all_markets(), "2025-12-26", 5, as_json=False) is Exit.OK
    assert capsys.readouterr().out.startswith("US 2025-12-26 is not there"), "Boxing Day in Sydney"


def test_last_limits_the_list(tmp_path: Path) -> None:
    """`--last 1` is one run."""
    with market_desk(tmp_path / "lake", "AAA") as desk:
        desk.list()
        desk.prices()
        assert [row.stage for row in last_runs(desk.instance, 1)] == ["asx_prices"]


def test_a_run_whose_process_died_is_not_called_running() -> None:
    """A foreground run that nobody holds the lock of is `died`."""
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(_nothing, status=dg.DagsterRunStatus.STARTED, tags={WORKER_TAG: "foreground"})
        assert [(row.run_id, row.status) for row in last_runs(instance, 5)] == [(run.run_id, "died")]


@dg.job
def _nothing() -> None:
    """No ops."""


def test_a_day_is_counted_from_its_files(tmp_path: Path) -> None:
    """Symbols by outcome, batches red and pending, and the classes of failure."""
    symbols = codes(9)
    with market_desk(tmp_path / "lake", *symbols) as desk:
        desk.feed.script = {f"{s}.AX": refused(f"{s}.AX") for s in (symbols[0], *symbols[3:6])}
        desk.list()
        desk.prices()
        desk.daily()
        found = day_report(desk.instance, MARKET, desk.lake, DAY)
    assert (found.companies, found.planned_symbols, found.batches, found.batches_stored) == (9, 9, 3, 2)
    assert (found.batches_failed, found.batches_missing, found.batches_pending) == ([1], [1], [0])
    assert found.symbols_failed == {"of missing batches": 3, "transient": 1}
    assert (found.symbols_ok, found.symbols_pending, found.complete, found.whole) == (5, 4, False, False)
    assert found.to_dict()["whole"] is False
