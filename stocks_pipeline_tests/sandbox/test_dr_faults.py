"""Reports on the real clients and a model that fails in every way there is: each failure ends as it should."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest

from stocks_pipeline.domain.jobs import JobStatus
from stocks_pipeline.storage import layout
from stocks_pipeline_tests.morning_desk import ACTIVE, DAY, CannedNews, failure_of, failure_row
from stocks_pipeline_tests.morning_world import WorldDesk, impatient_model, world_desk

__all__ = ["impatient_model", "world_desk"]
TEXT_FAULTS = ["hallucinated_number", "wrong_company", "digits_in_prose", "missing_section", "injected_by_news"]
VICTIM, OTHERS = "DBS19", ["NINTENDO19", "NVDA19"]
SECRET = "sk-or-v1-7h15k3y15n0b0dy5bu51n355"  # noqa: S105 - nobody's key


def greens(desk: WorldDesk) -> list[str]:
    return sorted(name for name in ACTIVE if desk.colours()[name] == "MATERIALIZED")


def books_agree(desk: WorldDesk) -> None:
    """Invoice = ledger = budget, to the last digit. An answer that could not be read may have been billed, by a sum
    that nobody here can know: it is in the ledger without a cost, and the budget counts its worst case.
    """
    unknown = [row for row in desk.ledger() if row["cost_usd"] is None]
    (billed, cost), (paid, known) = desk.invoice(), desk.paid()
    assert paid <= billed <= paid + len(unknown)
    assert known <= cost <= desk.spent()
    if not unknown:
        assert (billed, cost) == (paid, known)
        assert desk.spent() == cost


def test_a_morning_without_a_fault(world_desk: WorldDesk) -> None:
    """C01, C02: three reports for three calls, news and company facts in them, and every book agrees."""
    assert world_desk.write().success
    assert greens(world_desk) == sorted(ACTIVE)
    assert world_desk.chats() == dict.fromkeys(ACTIVE, 1)
    assert world_desk.invoice()[0] == 3
    books_agree(world_desk)
    assert "## News" in world_desk.payload("DBS19")["narrative_report"]
    assert world_desk.write().success  # a second run asks nobody
    assert world_desk.invoice()[0] == 3
    books_agree(world_desk)


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        ("error_in_200", "transient", "Provider returned error"),
        ("empty_choices", "malformed", "without any choice"),
        ("truncated", "malformed", "length"),
        ("refusal", "permanent", "I'm sorry"),
        ("hallucinated_number", "malformed", "refused 2 times"),
        ("wrong_company", "malformed", "refused 2 times"),
        ("digits_in_prose", "malformed", "refused 2 times"),
        ("missing_section", "malformed", "momentum_and_volume"),
        ("injected_by_news", "malformed", "refused 2 times"),
        ("500", "transient", "Provider returned error"),
        ("malformed", "malformed", "JSON"),
        ("html", "malformed", ""),
    ],
)
def test_a_model_that_fails_one_ticker_fails_only_that(world_desk: WorldDesk, fault: str, kind: str, said: str) -> None:
    """B43: the others green, this one red with class and reason; no text is stored; all that was billed is booked; when
    the model is well again a re-execution asks for this one only.
    """
    world_desk.world.fault(fault, symbols=[VICTIM], endpoint="chat")
    first = world_desk.write()
    assert greens(world_desk) == OTHERS
    row = failure_row(first, VICTIM)
    assert row[0] == kind, row
    assert said.lower() in row[1].lower(), row
    assert (world_desk.job(VICTIM).status, world_desk.job(VICTIM).error_class) == (JobStatus.FAILED, kind)
    assert not world_desk.has_report(VICTIM)
    assert world_desk.chats()[VICTIM] <= (2 if fault in {"truncated", *TEXT_FAULTS} else 3)
    books_agree(world_desk)

    world_desk.world.clear_faults()
    before = world_desk.chats()
    assert world_desk.write(parent=first).success
    asked = world_desk.chats() - before
    assert asked == {VICTIM: 1}
    books_agree(world_desk)


@pytest.mark.parametrize(
    "fault", ["error_in_200", "empty_choices", "truncated", "429_retry_after", "500", "malformed", *TEXT_FAULTS]
)
def test_a_model_that_fails_once_costs_one_more_try(world_desk: WorldDesk, fault: str) -> None:
    """Every ticker's first call fails: all are green all the same, and no answer is bought twice."""
    more: dict[str, Any] = {"retry_after": 0.2} if fault == "429_retry_after" else {}
    world_desk.world.fault(fault, each=1, endpoint="chat", **more)
    assert world_desk.write().success
    assert greens(world_desk) == sorted(ACTIVE)
    assert all(2 <= count <= 3 for count in world_desk.chats().values())
    books_agree(world_desk)


@pytest.mark.parametrize("fault", ["401", "402", "day_cap"])
def test_a_refusal_of_the_whole_stage_is_told_once(world_desk: WorldDesk, fault: str) -> None:
    """C22: few calls, nothing billed, every job pending, one clear failure; once mended all are written."""
    world_desk.world.fault(fault)
    first = world_desk.write()
    said, metadata = failure_of(first)
    assert metadata["made"] == 0
    assert {"401": "User not found", "402": "credit limit is used up", "day_cap": "free-models-per-day"}[fault] in said
    assert {job.status for job in world_desk.jobs()} == {JobStatus.PENDING}
    assert {job.error_class for job in world_desk.jobs() if job.error} == {"auth" if fault == "401" else "quota_day"}
    asked = [r for r in world_desk.world.log() if r["endpoint"] in {"chat", "key"}]
    assert len(asked) <= len(ACTIVE) + 2
    assert world_desk.invoice()[0] == 0
    books_agree(world_desk)
    world_desk.world.clear_faults()
    assert world_desk.write(parent=first).success
    assert {job.status for job in world_desk.jobs()} == {JobStatus.COMPLETED}


def test_a_budget_that_ends_in_the_middle(world_desk: WorldDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing over the cap: what fits is written, the rest is pending with the setting's name, and goes on later."""
    cap = Decimal("0.04")
    monkeypatch.setenv("STOCKS_LLM_BUDGET_USD", str(cap))
    monkeypatch.setenv("STOCKS_LLM_CONCURRENCY", "1")
    first = world_desk.write()
    said, _ = failure_of(first)
    assert "STOCKS_LLM_BUDGET_USD" in said
    assert 1 <= len(greens(world_desk)) < 3
    assert Decimal(0) < world_desk.invoice()[1] <= cap
    books_agree(world_desk)
    states = [job.status for job in world_desk.jobs()]
    assert states.count(JobStatus.COMPLETED) == len(greens(world_desk))
    assert states.count(JobStatus.PENDING) == 3 - len(greens(world_desk))
    monkeypatch.setenv("STOCKS_LLM_BUDGET_USD", "1")
    assert world_desk.write(parent=first).success
    assert world_desk.invoice()[0] == 3
    books_agree(world_desk)


def test_a_storm_of_429_is_ridden_out(world_desk: WorldDesk) -> None:
    """Each second call is told to wait: all green, nothing lost."""
    world_desk.world.fault("429_retry_after", share=0.5, retry_after=0.1)
    assert world_desk.write().success
    books_agree(world_desk)


def test_a_slow_model_is_waited_for(world_desk: WorldDesk) -> None:
    """Three slow answers at once take the time of one, not of three."""
    world_desk.world.fault("slow", seconds=1.5, endpoint="chat")
    assert world_desk.write().success
    assert all(1.4 < world_desk.payload(name)["timing_metrics"]["ai_analysis"] < 4.4 for name in ACTIVE)


def test_a_hung_call_cannot_hang_a_run(world_desk: WorldDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """B39: it is given up after the time-out, the others are green, and what it may have cost is held as spent."""
    monkeypatch.setenv("STOCKS_LLM_TIMEOUT", "1")
    world_desk.world.fault("hang", symbols=[VICTIM])
    first = world_desk.write()
    assert greens(world_desk) == OTHERS
    assert failure_row(first, VICTIM)[0] == "transient"
    unknown = [row for row in world_desk.ledger() if row["cost_usd"] is None]
    assert {row["subject"] for row in unknown} == {VICTIM}
    assert world_desk.invoice() == world_desk.paid()
    assert world_desk.spent() > world_desk.invoice()[1]
    books_agree(world_desk)


@pytest.mark.parametrize("obeyed", [False, True])
def test_hostile_news_adds_neither_number_nor_instruction(world_desk: WorldDesk, *, obeyed: bool) -> None:
    """Headlines with markup, orders and numbers: quoted as text at most. A model that obeys them is refused."""
    world_desk.world.fault("hostile_news")
    if obeyed:
        world_desk.world.fault("injected_by_news")
    done = world_desk.write()
    if obeyed:
        assert greens(world_desk) == []
        assert all("refused 2 times" in failure_row(done, name)[1] for name in ACTIVE)
        return
    assert done.success, failure_of(done)
    for name in ACTIVE:
        payload = world_desk.payload(name)
        stored = json.dumps({k: v for k, v in payload.items() if k != "chart_base64"}, ensure_ascii=False)
        for bad in ("<script", "<b>", "pump.example", "\u202e", "\u200b", "{{", "javascript:"):
            assert bad not in stored
        text = payload["narrative_report"]
        spans = sorted(((e["start"], e["end"]) for e in payload["evidence"]), reverse=True)
        for start, end in spans:
            text = text[:start] + text[end:]
        assert not re.search(r"\d", text), text


def test_the_key_is_nowhere(world_desk: WorldDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """F14: after good calls, refusals and errors with the user's own key, no file and no event of the run holds it."""
    news = CannedNews()
    live = WorldDesk(
        world_desk.root, world_desk.instance, world=world_desk.world, resources={"news": news, "yahoo_company": None}
    )
    monkeypatch.setenv("STOCKS_UPSTREAM", "live")
    monkeypatch.setenv("STOCKS_LLM_BASE_URL", f"{world_desk.world.url}/openrouter.ai/api/v1")
    monkeypatch.setenv("STOCKS_LLM_API_KEY", SECRET)
    monkeypatch.delenv("STOCKS_SANDBOX_URL")
    world_desk.world.fault("error_in_200", symbols=[VICTIM])
    runs = [live.write()]
    assert greens(live) == OTHERS
    world_desk.world.clear_faults()
    world_desk.world.fault("401")
    runs.append(live.write(rewrite=True))
    assert not any(run.success for run in runs)
    files = [path for path in world_desk.root.parent.rglob("*") if path.is_file()]
    assert any(path.name == "control.db" for path in files)
    assert [str(path) for path in files if SECRET.encode() in path.read_bytes()] == []
    for run in runs:
        told = "\n".join(entry.to_json() if hasattr(entry, "to_json") else repr(entry)
                         for entry in world_desk.instance.all_logs(run.run_id))  # fmt: skip
        assert "DBS19" in told
        assert SECRET not in told


def test_live_without_a_key_says_which_setting_is_missing(
    world_desk: WorldDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B08: before any call; the jobs stay pending."""
    monkeypatch.setenv("STOCKS_UPSTREAM", "live")
    monkeypatch.delenv("STOCKS_LLM_API_KEY", raising=False)
    said, _ = failure_of(world_desk.write())
    assert "STOCKS_LLM_API_KEY" in said
    assert world_desk.world.log() == []
    assert not world_desk.lake.exists(layout.report_key(DAY, VICTIM))
