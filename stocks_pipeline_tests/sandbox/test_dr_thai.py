"""Reports in Thai: asked for, answered, verified and stored in Thai; an answer in English is not one."""

from collections.abc import Mapping
from typing import Any

import pytest

from stocks_pipeline.defs.dr.job_book import newest_jobs
from stocks_pipeline.sandbox import chat_writer
from stocks_pipeline_tests.morning_desk import ACTIVE, DAY, MorningDesk, failure_row, good_answer, morning
from stocks_pipeline_tests.morning_world import WorldDesk, impatient_model, world_desk

__all__ = ["impatient_model", "morning", "world_desk"]


@pytest.fixture(autouse=True)
def in_thai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCKS_REPORT_LANGUAGE", "th")


def test_a_morning_in_thai(world_desk: WorldDesk) -> None:
    """Three reports for three calls, each verified at the first try, with news, page and full marks for language."""
    assert world_desk.write().success
    assert world_desk.chats() == dict.fromkeys(ACTIVE, 1)
    for name in ACTIVE:
        payload = world_desk.payload(name)
        text = payload["narrative_report"]
        assert "ราคาปิดของวันที่" in text
        assert "ข่าวที่เผยแพร่เมื่อ" in text
        assert payload["verdict"]["passed"]
        assert payload["verdict"]["numbers_checked"] > 20
        language = [one for one in payload["score_parts"]["compliance"]["parts"] if one["name"] == "language"]
        assert [one["value"] for one in language] == [10.0]
        assert world_desk.lake.read(payload["pdf_key"]).startswith(b"%PDF")


def thai(desk: MorningDesk) -> dict[str, Any]:
    """What a model that was told so answers to the newest question."""
    return chat_writer.write(chat_writer.read_prompt(list(desk.model.asked[-1][2])), 1)


def test_an_english_answer_is_sent_back_once(morning: MorningDesk) -> None:
    """The second, in Thai, becomes the report; the correction says which language is wanted."""
    assert morning.fetch(["NVDA19"]).success

    def script(_: str, number: int) -> Mapping[str, Any] | None:
        return thai(morning) if number else None

    morning.model.script = script
    assert morning.write(["NVDA19"]).success
    assert morning.payload("NVDA19")["tries"] == 2
    assert "ราคาปิด" in morning.payload("NVDA19")["narrative_report"]
    said = morning.model.asked[1][2][-1]["content"]
    assert "- language: " in said
    assert "must be in Thai" in said


def test_a_model_that_knows_no_thai_fails(morning: MorningDesk) -> None:
    """English twice is no report; what is stored says why."""
    assert morning.fetch(["NVDA19"]).success
    done = morning.write(["NVDA19"])
    assert "language: " in failure_row(done, "NVDA19")[1]
    assert not morning.has_report("NVDA19")
    assert "must be in Thai" in (newest_jobs(morning.lake, DAY)["NVDA19"].error or "")
    assert good_answer(morning.model.asked[0][2])["risks"][0].startswith("Annualised")
