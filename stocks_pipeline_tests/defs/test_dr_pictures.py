"""What a person sees of a report that is out of the ordinary: another currency, no trading, a short history."""

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from stocks_pipeline.cli.show_report import about
from stocks_pipeline.domain.reports import chart
from stocks_pipeline.storage.reports import get_report
from stocks_pipeline.upstream.yahoo_bars import Bars, Window
from stocks_pipeline_tests.morning_desk import DAY, MorningDesk, morning, waves

__all__ = ["morning"]


def odd(symbol: str, window: Window) -> Bars:
    """NVIDIA's bars come in euros, and nothing was traded in the newest session."""
    bars = waves(symbol, window)
    if symbol != "NVDA":
        return bars
    at = bars.table.column_names.index("volume")
    volume = [*bars.table.column("volume").to_pylist()[:-1], 0]
    table = bars.table.set_column(at, bars.table.schema.field(at), pa.array(volume, pa.int64()))
    return replace(bars, table=table, currency="EUR")


def test_pictures_and_text_are_in_the_currency_of_the_bars(
    morning: MorningDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PNG and page alike, with the digits of the text; only the page's chart has no heading; both currencies told."""
    drawn: list[tuple[str, str | None, int | None, bool]] = []
    draw = chart.draw_chart

    def recorded(bars: Any, title: chart.ChartTitle, *, decimals: int | None = None, heading: bool = True) -> str:
        drawn.append((title.ticker, title.currency, decimals, heading))
        return draw(bars, title, decimals=decimals, heading=heading)

    monkeypatch.setattr(chart, "draw_chart", recorded)
    morning.feed.script = odd
    morning.fetch()
    assert morning.write().success
    assert [one for one in drawn if one[0] == "NVDA19"] == [("NVDA19", "EUR", 2, True), ("NVDA19", "EUR", 2, False)]
    assert " EUR" in morning.payload("NVDA19")["narrative_report"]
    note = "the ticker list says USD, the bars are in EUR"
    assert note in morning.lake.read(morning.payload("NVDA19")["markdown_key"]).decode()
    assert ("currency", note) in about(get_report(morning.lake, "NVDA19", DAY))
    assert note not in morning.lake.read(morning.payload("DBS19")["markdown_key"]).decode()


def test_a_score_that_does_not_exist_is_shown_with_its_reason(morning: MorningDesk) -> None:
    """In the UI and in the Markdown, and never as 0.0: no share changed hands in the newest session."""
    morning.feed.script = odd
    morning.fetch()
    assert morning.write().success
    assert "uncertainty" not in morning.payload("NVDA19")["user_facing_scores"]
    for text in (
        morning.metadata("NVDA19")["scores"],
        morning.lake.read(morning.payload("NVDA19")["markdown_key"]).decode(),
    ):
        row = next(line for line in text.splitlines() if line.startswith("| uncertainty"))
        assert "no share was traded" in row
        assert " 0.0 " not in row
    assert "uncertainty" in morning.payload("DBS19")["user_facing_scores"]
