"""The doctor on validations: a failed batch and a session that nobody goes on with are told, with the command."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stocks_pipeline.cli.doctor_validation import STILL, validations
from stocks_pipeline.settings import Settings
from stocks_pipeline_tests.validation_desk import DAY, ValidationDesk, down, validation_desk


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ValidationDesk]:
    """An opened session of two batches, in the lake of the settings."""
    monkeypatch.setenv("STOCKS_LAKE", str(tmp_path / "lake"))
    with validation_desk(tmp_path, monkeypatch) as made:
        made.stock([f"S{number}" for number in range(16)])
        assert made.open().success
        yield made


def test_a_desk_without_sessions_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """D32: nothing to look at is no finding."""
    monkeypatch.setenv("STOCKS_HOME", str(tmp_path))
    assert [f.state for f in validations(Settings.load())] == ["ok"]


def test_a_failed_batch_is_told_with_its_reason(desk: ValidationDesk) -> None:
    """D32: at once; healed, it is gone. One beside the day's own is its opener's."""
    desk.vendor.script = lambda _symbols, _number: down()
    assert not desk.adhoc(symbols=["S1"]).success
    assert [f.state for f in validations(Settings.load(), desk.clock)] == ["ok"]
    desk.vendor.script = lambda _symbols, _number: None
    desk.book().start(1)
    desk.book().fail(1, "503: try later")
    (finding,) = validations(Settings.load(), desk.clock)
    assert (finding.state, finding.do) == ("warn", f"Run: stocks validation retry --date {DAY}")
    assert "of 2 batches 1 failed: 503: try later" in finding.what
    assert desk.check().success
    assert [f.state for f in validations(Settings.load(), desk.clock)] == ["ok"]


def test_a_session_that_nobody_works_on_is_told(desk: ValidationDesk) -> None:
    """D32: not while it may be at work; a spent day's or one whose daemon is down."""
    assert [f.state for f in validations(Settings.load(), desk.clock)] == ["ok"]
    desk.clock.advance(STILL.total_seconds() + 1)
    (finding,) = validations(Settings.load(), desk.clock)
    assert "of 2 batches 2 wait and nobody is at work" in finding.what


def test_a_record_that_cannot_be_read_is_told(desk: ValidationDesk) -> None:
    """D32: the day's session is then opened anew."""
    desk.lake.write(desk.book().place.record, b"{")
    (finding,) = validations(Settings.load(), desk.clock)
    assert (finding.state, finding.do) == ("warn", f"stocks validate --date {DAY} --anew")
