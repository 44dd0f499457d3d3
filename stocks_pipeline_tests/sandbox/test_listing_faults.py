"""A day whose list cannot be had or believed: no price is asked for, and a person reads why and what to do."""

from functools import partial
from typing import Any

import pytest

from stocks_pipeline.cli.day_report import day_report
from stocks_pipeline.defs.asx import ASX
from stocks_pipeline.domain.symbols import Company, companies_from_csv, companies_to_csv
from stocks_pipeline.storage import layout
from stocks_pipeline.upstream import http
from stocks_pipeline_tests.fault_desk import BEFORE, DAY, FaultDesk


@pytest.fixture(autouse=True)
def two_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ASX is asked once a second, so the usual four tries of both forms would take eight."""
    monkeypatch.setattr(http, "RetryPolicy", partial(http.RetryPolicy, attempts=2, base_s=0.05))


def asked_for_prices(desk: FaultDesk) -> int:
    """Calls of any endpoint but the two listings."""
    endpoints = desk.world.stats()["by_endpoint"]
    return sum(count for name, count in endpoints.items() if name not in ("listing", "directory"))


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"name": "html"}, "malformed"),
        ({"name": "500"}, "transient"),
        ({"name": "truncated"}, "malformed"),
        ({"name": "500", "status": 404}, "permanent"),
    ],
    ids=["html 403", "500", "truncated", "404"],
)
def test_without_a_list_no_price_is_asked_for(desk: FaultDesk, fault: dict[str, Any], kind: str) -> None:
    """E32: both forms of the list fail: one failed stage, its class and next step in words, and no chart request."""
    for endpoint in ("listing", "directory"):
        desk.world.fault(**fault, endpoint=endpoint)

    done = desk.run()

    (stage,) = done.stages
    assert not stage.success
    assert "no prices are fetched" in stage.message
    assert f"[{kind}" in stage.message
    shown = failure_metadata(desk, stage.run_id)
    assert shown["class"] == kind
    assert shown["next_step"]
    assert "--reuse-last-good" in shown["otherwise"]
    assert asked_for_prices(desk) == 0
    assert not desk.lake.exists(layout.symbols_key("asx", DAY))
    assert not day_report(desk.instance, ASX, desk.lake, DAY).whole


def failure_metadata(desk: FaultDesk, run_id: str) -> dict[str, Any]:
    """The metadata of the run's Failure."""
    for entry in desk.instance.all_logs(run_id):
        event = entry.dagster_event
        if event is not None and event.is_step_failure:
            data = event.step_failure_data.user_failure_data
            assert data is not None
            return {name: value.value for name, value in data.metadata.items()}
    raise AssertionError("no step failed")


def test_a_page_with_status_200_is_no_list(desk: FaultDesk) -> None:
    """E32: a page that says OK and holds no company is no list; nothing is stored and no price is asked for."""
    for endpoint in ("listing", "directory"):
        desk.world.fault("html", status=200, endpoint=endpoint)

    done = desk.run()

    assert [stage.success for stage in done.stages] == [False]
    assert "no prices are fetched" in done.stages[0].message
    assert asked_for_prices(desk) == 0


def test_a_cut_first_form_costs_nothing_where_the_other_is_whole(desk: FaultDesk) -> None:
    """E32: the preamble form answers 403; the directory form is asked, and the day is whole."""
    desk.world.fault("html", endpoint="listing")

    done = desk.run()

    assert [stage.success for stage in done.stages] == [True, True, True]
    assert "markitdigital" in desk.metadata("symbols")["source"] or "directory" in desk.metadata("symbols")["source"]


def test_the_last_good_list_stands_in_only_where_asked_and_says_so(desk: FaultDesk) -> None:
    """E32: with --reuse-last-good yesterday's list is used, marked in metadata and by a warning; the day is fetched.
    A later run gets the day's own list, and the mark goes.
    """
    for endpoint in ("listing", "directory"):
        desk.world.fault("html", endpoint=endpoint)

    done = desk.run(reuse_last_good=True)

    assert [stage.success for stage in done.stages] == [True, True, True]
    assert desk.metadata("symbols")["reused_from"] == str(BEFORE)
    check = desk.checks(done.stage("listing"))["listing_plausible"]
    assert (check.passed, check.severity.value) == (False, "WARN")
    assert str(BEFORE) in check.description
    assert desk.daily().num_rows

    desk.world.clear_faults()
    again = desk.run()
    assert [stage.success for stage in again.stages] == [True, True, True]
    assert desk.metadata("symbols")["reused_from"].startswith("no")
    assert desk.checks(again.stage("listing"))["listing_plausible"].passed


def test_a_list_that_halved_is_refused(desk: FaultDesk) -> None:
    """E32: 219 companies after 500: the check fails, the list is not stored, no price is asked for."""
    before = companies_from_csv(desk.lake.read(layout.symbols_key("asx", BEFORE)))
    more = [Company(f"Q{n:03d}", f"Company {n}", "Banks", None, None) for n in range(500 - len(before))]
    desk.lake.write(layout.symbols_key("asx", BEFORE), companies_to_csv([*before, *more]))

    done = desk.run()

    (stage,) = done.stages
    assert not stage.success
    assert "219 companies against 500 before" in stage.message
    check = desk.checks(stage)["listing_plausible"]
    assert (check.passed, check.severity.value) == (False, "ERROR")
    assert not desk.lake.exists(layout.symbols_key("asx", DAY))
    assert asked_for_prices(desk) == 0
