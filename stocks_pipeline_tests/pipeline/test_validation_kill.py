"""`kill -9` of `stocks validate` while it waits for credits: what was checked stays, the rest is done by the next."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stocks_pipeline.clock import SystemClock
from stocks_pipeline.defs.operations.dead_runs import reap
from stocks_pipeline.defs.us.checking import stored_results
from stocks_pipeline.defs.us.reaping import DIED, reap_sessions
from stocks_pipeline.defs.us.session_book import SessionBook
from stocks_pipeline.defs.us.summing import sum_up
from stocks_pipeline.domain.credit_audit import Charged, Limit, audit
from stocks_pipeline.domain.validation_session import Session
from stocks_pipeline.storage.validation_keys import SessionPlace
from stocks_pipeline_tests.fault_desk import DAY
from stocks_pipeline_tests.sandbox_server import SandboxServer
from stocks_pipeline_tests.stocks_process import STOCKS, StocksDesk, wait_for

DAYS_OWN = SessionPlace("us", DAY)
MINUTE_S = 2.0
SYMBOLS = [f"A{letter}{more}" for letter in "ABCDEFGHIJ" for more in "XY"]
"""Twenty: three batches of the free plan, each a vendor's minute after the one before."""
GIGABYTE_KB = 1024 * 1024
WATCHED = """
import resource, sys
from stocks_pipeline.cli import main
try:
    main()
finally:
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""
MEASURED = (STOCKS[0], "-c", WATCHED)
"""The command, and its peak memory in kilobytes on standard error."""


ZYGOTE = """
import os, sys, time
from pathlib import Path
import stocks_pipeline.cli.validate, stocks_pipeline.definitions, stocks_pipeline.upstream.twelve_data
from stocks_pipeline.cli import main
from stocks_pipeline.defs.us import results

def held(which, marker, store):
    def write(*arguments, **more):
        nonlocal which
        if which == 0:
            Path(marker).touch()
            time.sleep(600)
        which -= 1
        return store(*arguments, **more)
    return write

for line in sys.stdin:
    which, marker, *arguments = line.split()
    pid = os.fork()
    if pid == 0:
        sys.argv = ["stocks", *arguments]
        if which != "none":
            results.write_table = held(int(which), marker, results.write_table)
        main()
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""
"""`stocks` in a process of its own for every line, without paying the imports each time. The process stops for ever
where the vendor has answered and the store of its n-th batch is next: there it is killed."""


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StocksDesk]:
    """The day's prices of twenty symbols, in a world whose credits come every two seconds."""
    arguments = ("--today", str(DAY), "--seed", "1", "--companies", "50", "--unknown-share", "0")
    strategies, home = tmp_path_factory.mktemp("strategies"), tmp_path_factory.mktemp("fetched")
    (strategies / "mine.yaml").write_text(f"symbols: {json.dumps(SYMBOLS)}\n", encoding="utf-8")
    with SandboxServer(*arguments, "--credit-minute-s", str(MINUTE_S)) as world:
        desk = StocksDesk(home, world)
        desk.settings = {"STOCKS_CREDIT_MINUTE": str(MINUTE_S), "STOCKS_STRATEGIES": str(strategies)}
        report = desk.report(desk.start(*STOCKS, "run", "us", "--date", str(DAY), "--json"))
        assert report["planned_symbols"] == len(SYMBOLS)
        yield desk
        desk.end()


@pytest.fixture
def validating(fetched: StocksDesk, tmp_path: Path) -> Iterator[StocksDesk]:
    """A desk of its own with those prices."""
    fetched.world.reset()
    shutil.copytree(fetched.home / "lake", tmp_path / "lake")
    desk = StocksDesk(tmp_path, fetched.world, fetched.settings)
    yield desk
    desk.end()


def session(desk: StocksDesk) -> Session:
    found = SessionBook(desk.lake, DAYS_OWN, SystemClock()).get()
    assert found is not None
    return found


def asked(desk: StocksDesk) -> list[str]:
    """Symbols that the second vendor answered, in order."""
    records = desk.world.log(endpoint="time_series")
    return [symbol for record in records if record["status"] == 200 for symbol in str(record["symbol"]).split(",")]


@pytest.mark.timeout(120)
def test_a_killed_session_is_finished_by_the_next_command(validating: StocksDesk) -> None:
    """D02, D12, D36: killed while a batch was in work; `status` says that it is not done, the next command takes the
    batch over, asks for no symbol that has its verdict, and the session completes. No run is left running.
    D08: the command stays below a gigabyte.
    """
    child = validating.start(*STOCKS, "validate", "--date", str(DAY), "--json")
    first = DAYS_OWN.batch(0)
    wait_for(
        lambda: validating.lake.exists(first) and session(validating).count()["processing"] == 1, child, longest_s=60
    )
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    assert session(validating).status == "processing"
    kept = validating.lake.read(first)
    seen = validating.report(validating.start(*STOCKS, "validation", "status", "--date", str(DAY), "--json"))
    assert (seen["summary"]["event"], seen["summary"]["deferred_count"]) == (None, len(SYMBOLS) - 8)

    again = validating.start(*MEASURED, "validation", "retry", "--date", str(DAY), "--json")
    done = validating.report(again)
    assert (done["summary"]["event"], done["summary"]["passed_count"]) == ("WorkflowCompleted", len(SYMBOLS))
    assert session(validating).status == "completed"
    assert validating.lake.read(first) == kept
    assert asked(validating).count(SYMBOLS[0]) == 1
    assert not validating.statuses() & {"STARTED", "STARTING", "QUEUED"}
    said = validating.output(validating.started.index(again), "err").read_text()
    assert int(said.rpartition("peak ")[2]) < GIGABYTE_KB


KILLS = 5
SOAK = [pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 11)]
AT_WORK = {"STARTED", "STARTING", "QUEUED", "NOT_STARTED"}


@contextmanager
def zygote(desk: StocksDesk) -> Iterator["subprocess.Popen[str]"]:
    """The process that makes the others; it leads their group."""
    with (desk.home / "err").open("w") as err:
        made = subprocess.Popen(
            (STOCKS[0], "-c", ZYGOTE),
            env=desk.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=err,
            text=True,
            cwd=desk.home,
            start_new_session=True,
        )
    desk.started.append(made)
    with made:
        yield made
        made.communicate(timeout=30)


def command(made: "subprocess.Popen[str]", *words: str) -> int:
    """Start `stocks` with these words; its process id."""
    assert made.stdin is not None
    made.stdin.write(" ".join(words) + "\n")
    made.stdin.flush()
    return int(answer(made))


def answer(made: "subprocess.Popen[str]") -> str:
    """The next line that a process id or an exit code stands on; what commands print is no number."""
    assert made.stdout is not None
    for line in made.stdout:
        if line.strip().lstrip("-").isdigit():
            return line
    raise AssertionError("the zygote ended")


def verdicts(desk: StocksDesk) -> list[str]:
    """The symbols with a stored result, as often as they have one."""
    found = stored_results(desk.lake, DAYS_OWN, session(desk))
    return sorted(result.symbol for batch in found.values() for result in batch)


def kept(desk: StocksDesk) -> dict[str, bytes]:
    """The results that are stored."""
    return {key: desk.lake.read(key) for key in desk.lake.list(DAYS_OWN.batches)}


@pytest.mark.parametrize("seed", [0, *SOAK])
@pytest.mark.timeout(240)
def test_five_kills_between_answer_and_store(validating: StocksDesk, seed: int) -> None:
    """D12, D36, D37: killed five times after the vendor answered and before the verdicts were stored. What is stored
    stays as it was; each dead session is failed and each rerun goes on with it; in the end every symbol has one result.
    The answers that were lost were asked and paid for again, and by the vendor's log no minute held more than eight.
    """
    chance, marker, before = random.Random(seed), validating.home / "held", {}  # noqa: S311 - repeatable points
    with zygote(validating) as made:
        for kill in range(KILLS):
            words = ("validation", "retry") if kill else ("validate",)
            left = len(session(validating).batches) - len(before) if kill else 3
            which = chance.randrange(min(2, left)) if len(before) < 2 else 0
            pid = command(made, str(which), str(marker), *words, "--date", str(DAY), "--json")
            wait_for(marker.exists, made, longest_s=60)
            os.kill(pid, signal.SIGKILL)
            assert int(answer(made)) == -signal.SIGKILL
            marker.unlink()
            assert before.items() <= kept(validating).items()
            before = kept(validating)
            assert session(validating).count()["processing"] == 1
            reaped(validating)
        command(made, "none", "-", "validation", "retry", "--date", str(DAY), "--json")
        assert int(answer(made)) == 0
    assert before.items() <= kept(validating).items()
    assert (session(validating).status, verdicts(validating)) == ("completed", sorted(SYMBOLS))
    assert not validating.statuses() & AT_WORK
    assert validating.statuses() == {"SUCCESS", "FAILURE"}
    paid_for(validating)


def reaped(desk: StocksDesk) -> None:
    """What the daemon does within a minute: the dead run is ended, and its session says so instead of being at work."""
    with desk.instance() as instance:
        assert len(reap(instance)) == 1
        assert reap_sessions(instance, desk.lake, SystemClock(), time.time() - 3600) == [DAYS_OWN]
    found = session(desk)
    assert found.status == "failed"
    assert {batch.error_message for batch in found.batches if batch.status == "failed"} == {DIED}


def paid_for(desk: StocksDesk) -> None:
    """Every request that the vendor saw is in our log, the five lost ones too, and no minute of its held too much."""
    requests = desk.world.log(endpoint="time_series")
    # Less a twentieth: on a busy machine requests are under way for unequally long, which brings two nearer together.
    allowed = Limit(8, None, 0.95 * MINUTE_S)
    seen = [Charged(one["time"], str(one["symbol"]).count(",") + 1, allowed) for one in requests]
    answered = [call for call, one in zip(seen, requests, strict=True) if one["status"] == 200]
    assert len(answered) == 3 + KILLS
    assert audit(answered).passed, audit(answered).reason
    summed = sum_up(desk.lake, DAYS_OWN)
    assert summed is not None
    assert summed.audit.calls == len(requests)
    assert summed.document["credits_used"] == sum(call.credits for call in seen)
