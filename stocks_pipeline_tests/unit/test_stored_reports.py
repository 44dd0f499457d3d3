"""Finding and reading stored reports."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from stocks_pipeline import storage
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import Lake, LakeError, open_lake
from stocks_pipeline.storage.reports import NoReport
from stocks_pipeline_tests.dr_files import CHART, DBS, NVDA, payload, put_master, put_report

MON, TUE, WED = date(2026, 11, 16), date(2026, 11, 17), date(2026, 11, 18)
AT = datetime(2026, 11, 16, 22, 25, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(str(tmp_path / "lake"))


def test_the_newest_report_is_found_whatever_order_mornings_were_written_in(lake: Lake) -> None:
    """A backfilled older morning never hides the newest; a newer morning without this ticker does not either."""
    put_report(lake, TUE, "NVDA19", payload(AT, "second"))
    put_report(lake, MON, "NVDA19", payload(AT, "backfill"))
    put_report(lake, WED, "DBS19", payload(AT, "other"))
    lake.write("dr/reports/notes/x.json", b"{}")
    report = storage.get_report("NVDA19", lake=lake)
    assert (report.symbol, report.day, report.payload["execution_id"]) == ("NVDA19", TUE, "second")
    assert storage.get_report("NVDA19", MON, lake=lake).payload["execution_id"] == "backfill"
    assert storage.get_report("nvda19", MON.isoformat(), lake=lake.root).day == MON


def test_a_report_shows_what_was_stored_and_its_chart_only_when_asked(lake: Lake) -> None:
    """Text, stance, session and instant are the payload's; the chart is this report's own, not in payload or repr."""
    made = payload(AT)
    stored = json.loads(put_report(lake, TUE, "NVDA19", made))
    report = storage.get_report("NVDA19", lake=lake)
    assert report.text == made["narrative_report"]
    assert (report.stance, report.session, report.generated_at) == ("BUY", date(2024, 3, 14), AT)
    assert report.chart_png() == CHART
    assert dict(report.payload) == {k: v for k, v in stored.items() if k != "chart_base64"}
    assert made["chart_base64"] not in repr(report)


def test_yahoos_name_finds_the_receipts_report(lake: Lake) -> None:
    """Both names work, for the newest, a day and the history."""
    put_master(lake, NVDA, DBS)
    put_report(lake, TUE, "DBS19", payload(AT))
    put_report(lake, WED, "NVDA19", payload(AT))
    assert storage.get_report("d05.si", lake=lake).symbol == "DBS19"
    assert storage.get_report("D05.SI", TUE, lake=lake).symbol == "DBS19"
    assert [r.symbol for r in storage.report_history("D05.SI", TUE, lake=lake)] == ["DBS19"]


def test_what_is_not_there_is_told_with_the_nearest_that_is(lake: Lake) -> None:
    """No reports at all, none of that day, none of that ticker, and a name like another."""
    with pytest.raises(NoReport, match="dr_reports"):
        storage.get_report("NVDA19", lake=lake)
    with pytest.raises(NoReport, match="dr_reports"):
        storage.list_reports(lake=lake)
    put_master(lake, NVDA, DBS)
    put_report(lake, MON, "NVDA19", payload(AT))
    put_report(lake, TUE, "NVDA19", payload(AT))
    with pytest.raises(NoReport, match=f"of NVDA19 for {WED}: its newest are of {TUE}, {MON}"):
        storage.get_report("NVDA19", WED, lake=lake)
    for day, for_it in ((None, ""), (TUE, f" for {TUE}")):
        with pytest.raises(NoReport, match=f"of DBS19{for_it}: the morning of {TUE} has others; none of its data"):
            storage.get_report("DBS19", day, lake=lake)
    lake.write(layout.ticker_data_key(TUE, "DBS19"), b"bars")
    with pytest.raises(NoReport, match="has others; its data are stored, its report is not"):
        storage.get_report("DBS19", TUE, lake=lake)
    with pytest.raises(NoReport, match=f"of DBS19 for {WED}: the newest morning is {TUE}"):
        storage.get_report("DBS19", WED, lake=lake)
    with pytest.raises(NoReport, match="NVDA20: no ticker is called so; did you mean NVDA19"):
        storage.get_report("NVDA20", lake=lake)
    for bad in ("17.11.2026", AT):
        with pytest.raises(ValueError, match="date"):
            storage.get_report("NVDA19", bad, lake=lake)


def test_reports_of_a_morning_are_listed(lake: Lake) -> None:
    """Receipts only, once each, without charts and pages; the newest morning that has any; none is an empty list."""
    put_report(lake, MON, "NVDA19", payload(AT))
    put_report(lake, MON, "DBS19", payload(AT))
    put_report(lake, TUE, "DBS19", payload(AT))
    lake.write(f"dr/reports/{WED}/DBS19.png", b"a chart whose payload never came")
    assert storage.list_reports(MON, lake=lake) == ["DBS19", "NVDA19"]
    assert storage.list_reports(lake=lake) == ["DBS19"]
    assert storage.list_reports(WED, lake=lake) == []


def test_the_history_keeps_every_execution_in_order_of_writing(lake: Lake) -> None:
    """Oldest first by the instant, not by the execution's name; the day's report is the last."""
    put_report(lake, TUE, "NVDA19", payload(AT, "zz-first"))
    put_report(lake, TUE, "NVDA19", payload(AT.replace(hour=23), "aa-second"))
    history = storage.report_history("NVDA19", TUE, lake=lake)
    assert [report.payload["execution_id"] for report in history] == ["zz-first", "aa-second"]
    assert history[-1] == storage.get_report("NVDA19", TUE, lake=lake)
    assert storage.report_history("NVDA19", MON, lake=lake) == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"chart_base64": ""}', b"\xff\xfe"])
def test_a_damaged_report_is_an_error_that_says_what_to_do(lake: Lake, body: bytes) -> None:
    """Never an older morning's report in its place without a word."""
    put_report(lake, MON, "NVDA19", payload(AT))
    lake.write(layout.report_key(TUE, "NVDA19"), body)
    with pytest.raises(LakeError, match="materialize dr/ticker_reports for NVDA19 on 2026-11-17 again"):
        storage.get_report("NVDA19", lake=lake)


class _Counting:
    """A lake that counts what is asked of it."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> object:
        self.asked.append(name)
        return getattr(self._lake, name)


@pytest.fixture
def crowded(lake: Lake) -> _Counting:
    for day in range(1, 29):
        put_report(lake, date(2026, 10, day), "NVDA19", payload(AT))
    return _Counting(lake)


def test_finding_the_newest_costs_one_listing_and_one_read(crowded: _Counting) -> None:
    """However many mornings there are: their keys are never listed."""
    storage.get_report("NVDA19", lake=crowded)  # type: ignore[arg-type] # a lake in all but name
    assert crowded.asked == ["folders", "read"]


def test_reading_a_report_imports_neither_arrow_nor_dagster(lake: Lake) -> None:
    """A bot that answers from stored reports starts in a fraction of a second."""
    put_report(lake, TUE, "NVDA19", payload(AT))
    code = (
        "import sys; from stocks_pipeline import storage;"
        f"storage.get_report('NVDA19', lake={lake.root!r}).chart_png();"
        "print({'pyarrow', 'pandas', 'numpy', 'boto3', 'duckdb', 'dagster'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
