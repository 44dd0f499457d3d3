"""The printed page of a report is a gift on top: without it the report is as good."""

from typing import Any

import pytest

from stocks_pipeline.domain.reports import render
from stocks_pipeline_tests.morning_desk import ACTIVE, DAY, MorningDesk, morning

__all__ = ["morning"]


def test_a_page_that_cannot_be_set_costs_the_page_and_not_the_report(
    morning: MorningDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C25: the typesetter fails: every report is green, its PDF's key null in the payload and the job's result."""
    morning.fetch()

    def refuse(*_: Any, **__: Any) -> bytes:
        raise render.RenderError("no font, no page")

    monkeypatch.setattr(render, "report_pdf", refuse)
    assert morning.write().success
    for name in ACTIVE:
        assert morning.payload(name)["pdf_key"] is None
        result = morning.job(name).result or {}
        assert (result["status"], result["pdf_s3_key"], result["error"]) == ("success", None, "")
    assert not [key for key in morning.lake.list(f"dr/report-history/{DAY}/") if key.endswith(".pdf")]
