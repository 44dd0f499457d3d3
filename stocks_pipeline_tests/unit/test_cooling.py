"""Waiting for a vendor in the command line: who, until when, how long."""

from pathlib import Path

import pytest

from stocks_pipeline.cli.cooling import lasting, tell, wait_out
from stocks_pipeline.upstream.limits import Rate, SharedLimiter, open_limiter
from stocks_pipeline_tests.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """02:00:00 UTC."""
    return FakeClock(1_763_604_000.0)


@pytest.fixture
def limiter(tmp_path: Path, clock: FakeClock) -> SharedLimiter:
    """The limiter that the processes of a desk share."""
    return open_limiter(str(tmp_path / "control.db"), "yahoo", [Rate(5, 1.0)], clock=clock, upstream="yahoo")


def test_a_cool_down_is_told_and_waited_out(
    limiter: SharedLimiter, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says for whom, until when and how long; after it the vendor may be called."""
    limiter.cool_down(161.0, "429")
    wait_out("yahoo", limiter, clock, quiet=True)
    said = capsys.readouterr().err
    assert said.startswith("yahoo refused too many calls: no process of this desk asks it before 02:02:41 UTC.")
    assert "Waiting 2 min 41 s" in said
    assert limiter.cooling_s() == 0.0
    assert sum(clock.slept) == pytest.approx(161.0)


def test_a_run_says_beforehand_that_it_will_wait_and_does_not_wait_for_what_is_stored(
    limiter: SharedLimiter, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, no moment; without a cool-down not even that."""
    tell("yahoo", limiter, clock)
    assert capsys.readouterr().err == ""
    limiter.cool_down(161.0, "429")
    tell("yahoo", limiter, clock)
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith("yahoo refused too many calls: no process of this desk asks it before 02:02:41 UTC.")
    assert "waits 2 min 41 s" in said
    assert clock.slept == []


def test_one_that_is_prolonged_meanwhile_is_waited_for_as_well(limiter: SharedLimiter, clock: FakeClock) -> None:
    """Another process is refused while this one waits."""
    limiter.cool_down(10.0)
    asked = iter([10.0, 5.0, 60.0])

    class Prolonged:
        def cooling_s(self) -> float:
            limiter.cool_down(next(asked, 0.0))
            return limiter.cooling_s()

    wait_out("yahoo", Prolonged(), clock, quiet=True)  # type: ignore[arg-type]  # only that method is called
    assert sum(clock.slept) > 60


def test_without_a_cool_down_nothing_is_said(
    limiter: SharedLimiter, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """The usual case costs neither a line nor a moment."""
    wait_out("yahoo", limiter, clock, quiet=False)
    assert (capsys.readouterr().err, clock.slept) == ("", [])


@pytest.mark.parametrize(("seconds", "text"), [(0.6, "1 s"), (59.4, "59 s"), (60.0, "1 min 0 s"), (181.2, "3 min 1 s")])
def test_lasting(seconds: float, text: str) -> None:
    """Minutes only where there are some."""
    assert lasting(seconds) == text
