"""Strategy files become one list, and what is wrong in one is named by file and line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.upstream.failures import FailureKind, UpstreamError
from stocks_pipeline.upstream.strategy_files import StrategyFiles

PACKAGED = Path(__file__).parents[2] / "stocks_pipeline" / "domain" / "strategies"


def test_the_list_is_the_union_each_symbol_once(tmp_path: Path) -> None:
    """D09: two strategies that share a symbol list it once, and the list says who trades it."""
    (tmp_path / "a.yaml").write_text("name: momentum\nsymbols: [MSFT, AAPL]\n")
    (tmp_path / "b.yml").write_text("symbols:\n  - aapl\n  - BRK-B\n")
    found = StrategyFiles(tmp_path).fetch()
    assert [(c.code, c.industry) for c in found.listing.companies] == [
        ("AAPL", "momentum, b"),
        ("BRK-B", "b"),
        ("MSFT", "momentum"),
    ]


@pytest.mark.parametrize(
    ("text", "where", "why"),
    [
        ("symbols: [AAPL\n", "line 2", "expected"),
        ("- AAPL\n", "line 1", "mapping"),
        ("name: x\n", "line 1", "no `symbols`"),
        ("symbols: AAPL\n", "line 1", "must be a list"),
        ("name: x\nsymbols:\n  - AAPL\n  - 'not a symbol'\n", "line 4", "is no symbol"),
        ("symbols: [AAPL]\nsymbol: [MSFT]\n", "line 2", "unknown key 'symbol'"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, text: str, where: str, why: str) -> None:
    """Whoever edits a strategy is told where the mistake is; nothing of the list is used."""
    (tmp_path / "good.yaml").write_text("symbols: [MSFT]\n")
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(UpstreamError, match=why) as refused:
        StrategyFiles(tmp_path).fetch()
    assert refused.value.kind is FailureKind.PERMANENT
    assert refused.value.subject == f"mine.yaml, {where}"


def test_a_folder_without_files_says_which_setting(tmp_path: Path) -> None:
    """No strategies is not an empty list but a wrong folder."""
    with pytest.raises(UpstreamError, match="STOCKS_STRATEGIES"):
        StrategyFiles(tmp_path).fetch()


def test_files_without_any_symbol_are_refused_by_name(tmp_path: Path) -> None:
    """F08: an empty strategy is legal beside others; where none names a symbol, files, folder and setting are told."""
    (tmp_path / "a.yaml").write_text("symbols: []\n")
    with pytest.raises(UpstreamError, match="names no symbol") as refused:
        StrategyFiles(tmp_path).fetch()
    assert refused.value.subject == "a.yaml"
    assert str(tmp_path) in refused.value.message
    assert "STOCKS_STRATEGIES" in refused.value.message
    assert "STOCKS_STRATEGIES" in refused.value.next_step
    (tmp_path / "b.yaml").write_text("symbols: [AAPL]\n")
    assert len(StrategyFiles(tmp_path).fetch().listing.companies) == 1


def test_yaml_words_that_are_symbols_stay_symbols(tmp_path: Path) -> None:
    """ON (semiconductors) is a company, not the boolean that YAML makes of it."""
    (tmp_path / "a.yaml").write_text("symbols: [ON, NO, Y, T]\n")
    assert [c.code for c in StrategyFiles(tmp_path).fetch().listing.companies] == ["NO", "ON", "T", "Y"]


def test_the_packaged_strategies_load() -> None:
    """What ships with the package is a valid list."""
    assert len(StrategyFiles(PACKAGED).fetch().listing.companies) > 30


@given(st.text(max_size=200))
def test_no_file_breaks_the_reader(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Any text is either read or refused with file and line; it never crashes."""
    folder = tmp_path_factory.mktemp("strategies")
    (folder / "x.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        said = StrategyFiles(folder).fetch().fetched_from
    except UpstreamError as refused:
        said = refused.subject
    assert said.startswith(("x.yaml", "1 strategy files"))
