"""The list of tickers as a stage: the user's own file, the partitions it owns, and choosing from it."""

import pytest
from dagster import AssetKey, Failure, materialize

from stocks_pipeline.defs.dr.master import (
    choose_tickers,
    listed_tickers,
    run_keys,
    stored_tickers,
    ticker_master,
)
from stocks_pipeline.defs.resources import LakeResource
from stocks_pipeline.domain.tickers import UnknownTicker, packaged_tickers
from stocks_pipeline.partitions import tickers as ticker_partitions
from stocks_pipeline.settings import SettingError
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline_tests.morning_desk import ACTIVE, DAY, LIST, YAHOO, MorningDesk, failure_of, morning

__all__ = ["morning"]


def test_the_list_owns_the_partitions_of_its_active_tickers(morning: MorningDesk) -> None:
    """A10, B10: the asset stores all tickers, names the active ones as `{tickers, count}`, adds their partitions."""
    name = ticker_partitions().name or ""
    for ticker in ACTIVE:
        morning.instance.delete_dynamic_partition(name, ticker)
    asset = morning.defs.get_assets_def(AssetKey(["dr", "ticker_master"]))
    done = morning.repository.get_job("__ASSET_JOB").execute_in_process(
        instance=morning.instance, asset_selection=[asset.key]
    )
    (event,) = done.get_asset_materialization_events()
    metadata = {key: value.value for key, value in event.materialization.metadata.items()}
    assert (metadata["tickers"], metadata["count"], metadata["dagster/row_count"]) == (list(ACTIVE), 3, 4)
    assert morning.instance.get_dynamic_partitions(name) == list(ACTIVE)
    assert {t.dr: t.yahoo for t in stored_tickers(morning.lake)} == YAHOO
    assert stored_tickers(morning.lake) == listed_tickers()


def test_a_list_that_was_never_stored_says_what_to_do(morning: MorningDesk) -> None:
    """A17: reports before any list fail at once, by the asset's name; nobody is asked anything."""
    with pytest.raises(UpstreamError) as caught:
        stored_tickers(morning.lake)
    assert caught.value.kind is FailureKind.PERMANENT
    said, _ = failure_of(morning.write())
    assert "materialize dr/ticker_master" in said
    assert (morning.model.opened, morning.news.asked, morning.jobs()) == (0, [], [])


@pytest.mark.parametrize(
    ("spoilt", "line", "field"),
    [(LIST.replace("XSES,SGD,true", "SGX,SGD,true"), 3, "exchange_mic"), (LIST.replace("7974.T", "79 74"), 4, "yahoo")],
)
def test_a_list_of_the_users_that_cannot_be_read_names_line_and_field(
    morning: MorningDesk, spoilt: str, line: int, field: str
) -> None:
    """C30: the setting, the file, the line and the field, in the settings' words and the run's; nothing is stored."""
    path = morning.root.parent / "tickers.csv"
    path.write_text(spoilt, encoding="utf-8")
    with pytest.raises(SettingError) as caught:
        listed_tickers()
    for word in ("STOCKS_DR_TICKERS", str(path), f"line {line}", field):
        assert word in str(caught.value)
    said, _ = failure_of(morning.fetch())
    assert f"line {line}" in said
    assert list(morning.lake.list("")) == []


def test_a_file_that_is_not_there_is_named(morning: MorningDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting and the path; without the setting the packaged list is meant."""
    monkeypatch.setenv("STOCKS_DR_TICKERS", str(morning.root / "nowhere.csv"))
    with pytest.raises(SettingError, match=r"nowhere\.csv"):
        listed_tickers()
    monkeypatch.delenv("STOCKS_DR_TICKERS")
    assert listed_tickers() == packaged_tickers()


def test_a_list_of_nobody_is_stored_as_it_is(morning: MorningDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A05: green with no row; what the list held before keeps its partitions."""
    path = morning.root.parent / "nobody.csv"
    path.write_text("dr,yahoo,name,mic\n", encoding="utf-8")
    monkeypatch.setenv("STOCKS_DR_TICKERS", str(path))
    lake = LakeResource(root=str(morning.root))
    made = materialize([ticker_master], instance=morning.instance, resources={"lake": lake})
    assert made.success
    (event,) = made.asset_materializations_for_node("dr__ticker_master")
    assert (event.metadata["count"].value, stored_tickers(morning.lake)) == (0, ())


def test_tickers_are_chosen_by_either_name_and_then_limited() -> None:
    """A12, A16, B14: DBS19 and D05.SI are one ticker; a retired one only by name; limit counts after that."""
    followed = packaged_tickers()
    assert [t.dr for t in choose_tickers(followed, None, ["D05.SI", "nvda", "DBS19"])] == sorted(
        ["DBS19", "NVDA19"], key=[t.dr for t in followed].index
    )
    assert len(choose_tickers(followed, 5, [])) == 5
    assert choose_tickers(followed, None, []) == [t for t in followed if t.active]
    assert choose_tickers(followed, None, [" "]) == choose_tickers(followed, None, [])
    with pytest.raises(UnknownTicker, match=r"DBS19"):
        choose_tickers(followed, None, ["DBS18"])


def test_a_limit_counts_within_the_run_and_in_the_order_of_the_list() -> None:
    """A12: of each morning of the run the first N of its own tickers, however its partitions are ordered."""
    chosen = {t.dr: t for t in packaged_tickers()}
    last = list(chosen)[-7:]
    planned = [f"{day}|{name}" for name in reversed(last) for day in ("2025-12-05", "2025-12-08")]
    assert run_keys(planned, chosen, 5) == [f"{d}|{n}" for d in ("2025-12-05", "2025-12-08") for n in last[:5]]
    assert len(run_keys(planned, chosen, None)) == len(planned)
    assert run_keys([], chosen, None) == []


def test_a_run_with_nothing_to_do_is_no_success() -> None:
    """F15: partitions of tickers that are retired, or not among those named: the run says so and fails."""
    chosen = {t.dr: t for t in packaged_tickers() if t.dr == "DBS19"}
    with pytest.raises(Failure, match="nothing to do: NVDA19"):
        run_keys([f"{DAY}|NVDA19"], chosen, None)
