"""The surface of `stocks`: what its help teaches, how wrong arguments end, and that it loads light."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import NoReturn

import pytest

from stocks_pipeline.cli import desk, output, run
from stocks_pipeline.cli.boundary import meant_for_people
from stocks_pipeline.cli.output import Exit
from stocks_pipeline.defs.asx import ASX
from stocks_pipeline.defs.selection import SelectionError
from stocks_pipeline.domain.symbols import companies_to_csv
from stocks_pipeline.settings import SettingError
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import KeyMissing, LakeError, open_lake
from stocks_pipeline.storage.warehouse import QueryError
from stocks_pipeline_tests.fake_feed import companies_of
from stocks_pipeline_tests.offline import go_offline, run_stocks

HEAVY = {"dagster", "pandas", "pyarrow", "duckdb", "yfinance", "httpx", "sqlalchemy", "openai"}
COMMANDS = [
    "run",
    "precompute",
    "report",
    "dead-letters",
    "status",
    "retry",
    "sql",
    "doctor",
    "alerts",
    "demo",
    "dev",
    "sandbox",
]
DAY = "2025-12-05"


@pytest.fixture
def stocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Runs a command on an empty desk in this process: exit code, standard output, standard error."""
    home = tmp_path / "home"
    home.mkdir()
    go_offline(monkeypatch, home)

    return run_stocks


def test_help_loads_nothing_heavy() -> None:
    """`stocks --help` answers at once: neither Dagster nor pandas nor any of their kind is imported."""
    code = (
        "import sys, json; sys.argv = ['stocks', '--help']\n"
        "from stocks_pipeline.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: print(); print(json.dumps([end.code, sorted(sys.modules)]))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    exit_code, loaded = json.loads(answer.stdout.splitlines()[-1])
    assert exit_code in {0, None}
    assert sorted(HEAVY & set(loaded)) == []


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "sandbox"])
def test_help_of_each_command_teaches(stocks: Callable[..., tuple[int, str, str]], command: str) -> None:
    """What it does, its options, and for those that take arguments examples to copy."""
    code, said, _ = stocks(command, "--help")
    assert code == 0
    assert f"Usage: stocks {command}" in said
    if command not in {"dev", "precompute"}:
        assert "--json" in said
        assert f"stocks {command}" in said.split("For example")[1]


@pytest.mark.parametrize(
    ("arguments", "field", "valid"),
    [
        (["run", "nyse"], "MARKET", "asx"),
        (["run", "asx", "--date", "05/12/2025"], "--date", "2025-12-05"),
        (["run", "asx", "--date", "2025-12-25"], "--date", "2025-12-24 is the session before it"),
        (["run", "asx", "--date", "2025-12-06"], "--date", "2025-12-05 is the session before it"),
        (["run", "asx", "--date", "2099-01-05"], "--date", "newest partition is 20"),
        (["run", "asx", "--date", "2019-01-07"], "--date", "2024-01-01"),
        (["run", "asx", "--limit", "0"], "--limit", "greater than or equal to 1"),
        (["run", "asx", "--limit", "five"], "--limit", "integer"),
        (["run", "asx", "--lookback-days", "-1"], "--lookback-days", "0"),
        (["retry", "asx/raw_pries", "--date", DAY], "ASSET", "asx/raw_prices"),
        (["retry", "asx/symbols", "--date", DAY], "ASSET", "asx/raw_prices"),
        (["retry", "asx/raw_prices", "--date", "nonsense"], "--date", "2025-12-05"),
        (["retry", "asx/raw_prices", "--date", DAY], "--date", "stocks run asx --date 2025-12-05"),
        (["retry", "asx/raw_prices"], "--date", "was never split"),
        (["status", "--last", "0"], "--last", "greater than or equal to 1"),
        (["status", "--date", "2025-12-07"], "--date", "2025-12-06 is the one before it"),
        (["sql", "DROP VIEW daily_prices"], "DROP", "SELECT"),
        (["sql", "SELECT nope FROM daily_prices"], "nope", "close"),
        (["sql", "SELECT 1; SELECT 2"], "one statement", ""),
        (["sql"], "QUERY", "--tables"),
        (["sql", "SELECT 1", "--json", "--csv"], "--csv", "choose one"),
        (["sql", "SELECT 1", "--limit-rows", "-1"], "--limit-rows", "0"),
        (["demo", "--replay", "no-such-folder"], "--replay", ".parquet"),
        (["stauts"], "COMMAND: unknown value 'stauts'; valid: ", "status"),
    ],
)
def test_wrong_arguments_name_the_field_and_what_is_valid(
    stocks: Callable[..., tuple[int, str, str]], arguments: list[str], field: str, valid: str
) -> None:
    """Exit code 2, on standard error, without a traceback; standard output stays empty for whoever parses it."""
    code, out, said = stocks(*arguments)
    said = " ".join(said.replace("│", " ").split())
    assert (code, out) == (2, "")
    assert field in said
    assert valid in said
    assert "Traceback" not in said


@pytest.mark.parametrize("command", [["status"], ["run", "asx"], ["sql", "SELECT 1"], ["retry", "a", "--date", DAY]])
def test_a_wrong_setting_is_one_line(
    stocks: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """The variable and its range, exit code 2."""
    monkeypatch.setenv("STOCKS_YAHOO_RATE", "0")
    code, out, said = stocks(*command)
    assert (code, out) == (2, "")
    assert said == "stocks: STOCKS_YAHOO_RATE is 0; valid: 1 to 10000\n"


def test_a_lake_that_cannot_be_used_is_one_line(
    stocks: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Before anything runs: exit code 1, and no run is recorded."""
    monkeypatch.setenv("STOCKS_LAKE", str(tmp_path / "not-there" / "lake"))
    code, out, said = stocks("run", "asx", "--date", DAY)
    assert (code, out, said.count("\n")) == (1, "", 1)
    assert "not-there does not exist" in said
    assert json.loads(stocks("status", "--json")[1])["runs"] == []


def test_unlisted_symbols_are_refused_before_anything_runs(stocks: Callable[..., tuple[int, str, str]]) -> None:
    """With the nearest that are listed."""
    lake = open_lake(desk.settings().lake)
    lake.write(layout.symbols_key("asx", date(2025, 12, 5)), companies_to_csv(companies_of("BHP", "CBA", "XXI")))
    code, out, said = stocks("run", "asx", "--date", DAY, "--symbols", "BHP,XXX", "--json")
    assert (code, out) == (2, "")
    assert said == "stocks: symbols: not on the day's list: XXX (nearest: XXI)\n"
    assert json.loads(stocks("status", "--json")[1])["runs"] == []


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (
            ["validate", "AAPL", "--date", "2026-01-05"],
            "no us prices here yet: `stocks run us`, or `stocks demo --only us`",
        ),
        (["validation", "list"], "no us prices here yet: `stocks run us`"),
        (["validation", "status", "--date", "2026-01-05"], "no us prices here yet: `stocks run us`"),
        (["report", "SIA19"], "no reports here yet: `stocks run dr --limit 5`, or `stocks demo --only dr`"),
        (["sql", "SELECT 1"], "nothing is stored here yet: `stocks run asx`, or `stocks demo`"),
    ],
)
def test_a_new_desk_is_no_broken_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], says: str
) -> None:
    """C: in a folder where nobody began, the first commands are told, and nothing is made by asking."""
    go_offline(monkeypatch, tmp_path / "new" / "home")
    code, out, err = run_stocks(*command)
    assert (code, out) == (1, "")
    assert says in err
    assert not (tmp_path / "new").exists()
    assert run_stocks("dead-letters")[0] == 0


def test_a_list_to_mend_is_told_with_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F08: neither a sandbox nor the same command again mends strategy files without a symbol."""
    files = tmp_path / "strategies"
    files.mkdir()
    (files / "mine.yaml").write_text("symbols: []\n")
    go_offline(monkeypatch, tmp_path / "home", STOCKS_STRATEGIES=str(files))
    code, out, err = run_stocks("run", "us", "--date", "2026-01-05")
    assert code == 1
    assert "mine.yaml: names no symbol" in err
    assert f"{files}, or set STOCKS_STRATEGIES" in err
    assert f"correct the files in {files}, or set STOCKS_STRATEGIES; then" in out
    assert "sandbox answers" not in err


def test_a_lake_elsewhere_that_is_missing_is_a_broken_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C: who set STOCKS_LAKE hears that its disk is not there."""
    go_offline(monkeypatch, tmp_path / "home", STOCKS_LAKE=str(tmp_path / "unmounted" / "lake"))
    with pytest.raises(LakeError, match="mount the disk"):
        desk.begun_lake(desk.settings(), "us").exists("symbols")


def test_an_empty_desk_has_a_status(stocks: Callable[..., tuple[int, str, str]]) -> None:
    """Nothing ran: said, with the first command, and nothing is made by asking."""
    code, said, _ = stocks("status")
    assert (code, said.startswith("Nothing has run"), "stocks demo" in said) == (0, True, True)
    assert json.loads(stocks("status", "--date", DAY, "--json")[1]) == {"runs": [], "days": [], "mornings": []}
    assert not desk.settings().dagster_home.exists()


def test_the_tables_are_described(stocks: Callable[..., tuple[int, str, str]]) -> None:
    """`sql --tables`: every view and column with its meaning, for people and programs."""
    code, said, _ = stocks("sql", "--tables")
    assert (code, "daily_prices" in said, "symbol_outcomes" in said) == (0, True, True)
    views = json.loads(stocks("sql", "--tables", "--json")[1])["views"]
    assert all(column["description"] for view in views for column in view["columns"])
    assert {"name": "market", "type": "VARCHAR", "description": "asx or us"} in views[0]["columns"]


def test_answers_as_table_json_and_csv(stocks: Callable[..., tuple[int, str, str]]) -> None:
    """The same answer three ways; a missing number is a dash, a null and an empty field."""
    query = "SELECT * FROM (VALUES (1, 'a', 6.400000095367432::double), (2, NULL, 'nan'::double)) AS t(n, s, x)"
    _, table, _ = stocks("sql", query)
    assert "2 rows" in table
    assert "6.4 " in table
    document = json.loads(stocks("sql", query, "--json")[1])
    assert document["rows"] == [{"n": 1, "s": "a", "x": 6.400000095367432}, {"n": 2, "s": None, "x": None}]
    assert (document["row_count"], document["cut"]) == (2, False)
    assert stocks("sql", query, "--csv")[1].splitlines() == ["n,s,x", "1,a,6.400000095367432", "2,,nan"]


def test_long_answers_are_cut_and_say_so(stocks: Callable[..., tuple[int, str, str]]) -> None:
    """100 rows unless told otherwise; CSV says it beside its rows, JSON in a field, 0 prints all."""
    query = "SELECT * FROM range(250)"
    assert "100 of 250 rows" in stocks("sql", query)[1]
    document = json.loads(stocks("sql", query, "--json", "--limit-rows", "3")[1])
    assert (len(document["rows"]), document["row_count"], document["cut"]) == (3, 250, True)
    _, out, said = stocks("sql", query, "--csv")
    assert (len(out.splitlines()), "100 of 250 rows" in said) == (101, True)
    assert len(stocks("sql", query, "--csv", "--limit-rows", "0")[1].splitlines()) == 251


def test_columns_of_one_name_keep_their_values(stocks: Callable[..., tuple[int, str, str]]) -> None:
    """A JSON object cannot hold two alike, so the second is numbered."""
    document = json.loads(stocks("sql", "SELECT 1 AS a, 2 AS a", "--json")[1])
    assert document["rows"] == [{"a": 1, "a_2": 2}]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingError("x"), Exit.USAGE),
        (SelectionError("x"), Exit.USAGE),
        (QueryError("x"), Exit.USAGE),
        (LakeError("x"), Exit.FAILURE),
        (KeyMissing("a", "/lake/a"), Exit.FAILURE),
        (ValueError("x"), None),
        (RuntimeError("x"), None),
    ],
)
def test_errors_that_are_meant_for_people(error: Exception, code: Exit | None) -> None:
    """Their message is enough; a bug keeps its traceback."""
    assert meant_for_people(error) is code


def test_a_bug_keeps_its_traceback(
    stocks: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unexpected exception is raised, not printed as if it were the person's fault."""

    def broken() -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr(desk, "settings", broken)
    with pytest.raises(ZeroDivisionError):
        stocks("status")


def test_ctrl_c_ends_with_130(stocks: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of any command, with one line and no traceback."""

    def interrupted() -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(desk, "settings", interrupted)
    code, out, said = stocks("status")
    assert (code, out, said.count("\n")) == (130, "", 1)


def test_markup_in_a_message_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    """A vendor's `[red]` or an `[Errno 13]` is printed as it is, on one line however long."""
    with pytest.raises(SystemExit) as ended:
        output.fail(f"[Errno 13] {'long ' * 60}[/red]", Exit.USAGE)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith("stocks: [Errno 13] long")
    assert said.endswith("[/red]\n")
    assert said.count("\n") == 1


def test_only_what_was_asked_goes_into_the_run_config() -> None:
    """Defaults stay those of the assets; nothing is set to null."""
    asked = run.Ask(date(2025, 12, 5), limit=5, symbols=["BHP"], refetch=True, lookback_days=0)
    assert asked.configs() == {
        "listing": {},
        "batches": {"limit": 5, "symbols": ["BHP"]},
        "prices": {"limit": 5, "symbols": ["BHP"], "refetch": True, "lookback_days": 0},
    }


def test_without_a_date_the_newest_closed_session_is_meant() -> None:
    """It is a session, it has closed, and no later one has."""
    found = desk.session_named(None, ASX)
    assert ASX.calendar().is_session(found)
    assert desk.session_named(found.isoformat(), ASX) == found
