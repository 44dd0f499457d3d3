"""The one table of environment variables: what is refused, and that two worlds never mix."""

import traceback
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.settings import TABLE, SettingError, Settings, lake_root

NAMES = {row.name for row in TABLE}
BAD = [
    ("STOCKS_UPSTREAM", "Live"),
    ("STOCKS_UPSTREAM", "production"),
    ("STOCKS_SANDBOX_URL", "127.0.0.1:8900"),
    ("STOCKS_SANDBOX_URL", "ftp://127.0.0.1"),
    ("STOCKS_SANDBOX_URL", "http://"),
    ("STOCKS_SANDBOX_URL", "http://host:port"),
    ("STOCKS_SANDBOX_URL", "http://host:99999"),
    ("STOCKS_SANDBOX_URL", "http://[::1"),
    ("STOCKS_HOME", "s3://bucket/home"),
    ("STOCKS_HOME", "~nobody-of-that-name/x"),
    ("DAGSTER_HOME", "file:///tmp/x"),
    ("STOCKS_LAKE", "s3://"),
    ("STOCKS_LAKE", "s3:///prefix"),
    ("STOCKS_LAKE", "gs://bucket"),
    ("STOCKS_LAKE", "~nobody-of-that-name/x"),
    ("STOCKS_CONTROL_DB", "postgresql://desk@db/control"),
    ("STOCKS_LIMITS_URL", "mysql://desk@db/limits"),
    ("STOCKS_S3_ENDPOINT", "localhost:9000"),
    ("STOCKS_YAHOO_RATE", "0"),
    ("STOCKS_YAHOO_RATE", "10001"),
    ("STOCKS_YAHOO_RATE", "2.5"),
    ("STOCKS_YAHOO_RATE", "fast"),
    ("STOCKS_YAHOO_CONCURRENCY", "0"),
    ("STOCKS_YAHOO_CONCURRENCY", "257"),
    ("STOCKS_BATCH_CONCURRENCY", "-1"),
    ("STOCKS_BATCH_CONCURRENCY", "65"),
    ("STOCKS_REQUEST_TIMEOUT", "0"),
    ("STOCKS_REQUEST_TIMEOUT", "nan"),
    ("STOCKS_REQUEST_TIMEOUT", "inf"),
    ("STOCKS_RETRY_BUDGET", "901"),
    ("STOCKS_RETRY_BUDGET", "ten"),
    ("STOCKS_LLM_BASE_URL", "openrouter.ai/api/v1"),
    ("STOCKS_LLM_TEMPERATURE", "2.1"),
    ("STOCKS_LLM_TEMPERATURE", "nan"),
    ("STOCKS_LLM_CONCURRENCY", "0"),
    ("STOCKS_LLM_BUDGET_USD", "-1"),
    ("STOCKS_LLM_TIMEOUT", "601"),
    ("STOCKS_LLM_MAX_TOKENS", "199"),
    ("STOCKS_LLM_MAX_TOKENS", "2000.5"),
    ("STOCKS_REPORT_LANGUAGE", "de"),
    ("STOCKS_STRATEGIES", "s3://bucket/strategies"),
    ("STOCKS_TWELVE_DATA_PLAN", "basic9"),
    ("STOCKS_TWELVE_DATA_PLAN", "30/many"),
    ("STOCKS_TWELVE_DATA_PLAN", "30/2000/31"),
    ("STOCKS_CREDIT_MINUTE", "61"),
    ("STOCKS_ALERT_SINKS", "log,pager"),
    ("STOCKS_ALERT_WEBHOOK_URL", "hooks.example.org/x"),
    ("STOCKS_ALERT_ENDPOINT", "localhost"),
    ("STOCKS_UI_URL", "127.0.0.1:3000"),
    ("STOCKS_RETENTION_DAYS", "0"),
]
FREE = {"STOCKS_DR_TICKERS", "STOCKS_LLM_API_KEY", "STOCKS_LLM_MODEL", "STOCKS_SHARED_DATA"}
FREE |= {"STOCKS_TWELVE_DATA_API_KEY", "STOCKS_ALERT_SNS_TOPIC", "STOCKS_ALERT_EVENT_BUS"}
"""Any text will do for these; whether a path or a name exists is found where it is used."""


@pytest.mark.parametrize(("name", "value"), BAD, ids=[f"{n}={v}" for n, v in BAD])
def test_a_bad_value_names_its_variable(name: str, value: str) -> None:
    """A21: the message says which variable, what it holds and what would do."""
    with pytest.raises(SettingError) as caught:
        Settings.load({name: value})
    assert str(caught.value).startswith(f"{name} is ")
    assert ";" in str(caught.value) or "valid" in str(caught.value)


def test_every_variable_that_can_be_wrong_is_tried_above() -> None:
    """A21: a new row of the table needs a bad value here, or a word why there is none."""
    assert {name for name, _ in BAD} | FREE == NAMES


def test_an_empty_environment_is_the_sandbox_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A21: nothing set: the offline world, in a folder beside the repository, with the documented defaults."""
    monkeypatch.chdir(tmp_path)
    found = Settings.load({})
    assert found.upstream == "sandbox"
    assert found.base_url == "http://127.0.0.1:8900"
    assert found.home == tmp_path / ".stocks" / "sandbox"
    assert found.dagster_home == found.home / "dagster"
    assert found.lake == str(found.home / "lake")
    assert found.control_db == found.home / "control.db"
    assert (found.yahoo_rate, found.yahoo_concurrency, found.batch_concurrency) == (400, 40, 10)
    assert (found.request_timeout_s, found.retry_budget_s) == (10.0, 60.0)
    assert (found.s3_endpoint, found.dr_tickers, found.llm.api_key) == (None, None, None)
    assert found.llm.budget_usd == Decimal("2.0")


def test_the_two_worlds_share_no_path_and_no_pace() -> None:
    """A20: switching to live changes folder, Dagster home, lake, limits and address together."""
    sandbox, live = Settings.load({}), Settings.load({"STOCKS_UPSTREAM": "live"})
    assert live.base_url is None
    for name in ("home", "dagster_home", "lake", "control_db", "yahoo_rate"):
        assert getattr(sandbox, name) != getattr(live, name), name
    assert live.yahoo_rate == 5


def test_paths_are_absolute_wherever_the_command_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A20: a relative home means the same desk for this process and for those it starts elsewhere."""
    monkeypatch.chdir(tmp_path)
    found = Settings.load({"STOCKS_HOME": "desk", "STOCKS_LAKE": "data"})
    assert (found.home, found.lake) == (tmp_path / "desk", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings.load({"STOCKS_LAKE": "~/lake"}).lake == str(tmp_path / "lake")


@pytest.mark.parametrize(
    ("value", "lake"),
    [("s3://bucket", "s3://bucket"), ("s3://bucket/", "s3://bucket"), ("s3://bucket/a/b/", "s3://bucket/a/b")],
)
def test_a_bucket_is_a_lake(value: str, lake: str) -> None:
    """E05: `s3://` with a bucket, with and without prefix; trailing slashes do not make another lake."""
    assert Settings.load({"STOCKS_LAKE": value}).lake == lake


@pytest.mark.parametrize("quoted", ["live", " live ", '"live"', "'live'", '"live"\n', '" live "'])
def test_quotes_and_blanks_around_a_value_are_not_part_of_it(quoted: str) -> None:
    """A21: what an .env file or a shell adds is taken off."""
    assert Settings.load({"STOCKS_UPSTREAM": quoted}).upstream == "live"


@pytest.mark.parametrize("empty", ["", "  ", '""', "''"])
@pytest.mark.parametrize("name", sorted(NAMES))
def test_an_empty_variable_is_not_set(name: str, empty: str) -> None:
    """A21: `STOCKS_LAKE=` in an .env file means the default, not the folder we stand in."""
    assert Settings.load({name: empty}) == Settings.load({})


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("STOCKS_UPSTREM", "did you mean STOCKS_UPSTREAM?"),
        ("STOCKS_YAHOO_RATES", "did you mean STOCKS_YAHOO_RATE?"),
        ("STOCKS_Q", "known: DAGSTER_HOME, STOCKS_"),
    ],
)
def test_an_unknown_variable_of_ours_is_refused_with_the_nearest(name: str, says: str) -> None:
    """A21: a typing error in a variable's name is an error, not a default."""
    with pytest.raises(SettingError, match=f"{name} is not a setting") as caught:
        Settings.load({name: "sandbox"})
    assert says in str(caught.value)


def test_other_programs_variables_are_none_of_ours() -> None:
    """A21: only names that begin with STOCKS_ are judged; those of Dagster and the shell pass."""
    assert Settings.load({"PATH": "x", "DAGSTER_HOM": "y", "stocks_upstream": "live"}) == Settings.load({})


def test_a_secret_in_an_address_is_not_repeated() -> None:
    """F14: what is refused is shown without its password."""
    with pytest.raises(SettingError) as caught:
        Settings.load({"STOCKS_CONTROL_DB": "postgresql://desk:hunter2@db/control"})
    assert "hunter2" not in str(caught.value)


def test_the_key_never_shows() -> None:
    """F14: neither the settings' repr nor the environment handed to a child process spells it out."""
    found = Settings.load({"STOCKS_LLM_API_KEY": "sk-very-secret-key"})
    assert found.llm.api_key == "sk-very-secret-key"
    assert "very-secret" not in repr(found) + str(found.environment())
    assert {row.name for row in TABLE if row.secret} == {
        "STOCKS_LLM_API_KEY",
        "STOCKS_TWELVE_DATA_API_KEY",
        "STOCKS_ALERT_WEBHOOK_URL",
        "STOCKS_LIMITS_URL",
    }


def test_the_limits_lie_in_the_control_file_unless_machines_share_them() -> None:
    """D10: one more address, for the limits alone; its password shows nowhere."""
    assert Settings.load({}).limits == str(Settings.load({}).control_db)
    address = "postgresql://desk:hunter2@db:5432/limits"
    found = Settings.load({"STOCKS_LIMITS_URL": address})
    assert found.limits == address
    assert "hunter2" not in repr(found)
    with pytest.raises(SettingError, match="STOCKS_LIMITS_URL") as caught:
        Settings.load({"STOCKS_LIMITS_URL": "mysql://desk:hunter2@db/limits"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "password",
    [
        *("hunter2%zz", "hunter2%", "%00hunter2", "%C0hunter2", "hun#ter2", "hun@ter2", "hun[ter2"),
        *("hun/ter2", "12/hunter2", "hun?ter2", "12?hunter2", "hunter2 x", "hun\tter2"),
    ],
)
def test_a_password_that_breaks_its_address_is_refused_and_shown_nowhere(password: str) -> None:
    """F17: before anything starts, in the words of the setting; not even the traceback holds a piece of it."""
    with pytest.raises(SettingError, match="STOCKS_LIMITS_URL is no usable") as caught:
        Settings.load({"STOCKS_LIMITS_URL": f"postgresql://desk:{password}@db:5432/limits"})
    told = "".join(traceback.format_exception(caught.value))
    assert "hun" not in told
    assert "ter2" not in told


@pytest.mark.parametrize(
    "address",
    ["postgresql://desk:hunter%232%40%20@db/limits?sslmode=require", "postgres://postgres:@/limits?host=/run/pg"],
)
def test_a_password_that_is_written_well_is_taken(address: str) -> None:
    """Percent-encoded characters, a socket, parameters."""
    assert Settings.load({"STOCKS_LIMITS_URL": address}).limits == address


PATHS = st.text(st.characters(codec="utf-8", exclude_characters="\0'\":~", exclude_categories=["Cc", "Z"]), min_size=1)
WORLDS = st.fixed_dictionaries(
    {"STOCKS_UPSTREAM": st.sampled_from(["sandbox", "live"])},
    optional={
        "STOCKS_SANDBOX_URL": st.integers(1, 65535).map(lambda port: f"http://127.0.0.1:{port}/"),
        "STOCKS_HOME": PATHS,
        "DAGSTER_HOME": PATHS,
        "STOCKS_LAKE": PATHS | st.just("s3://bucket/prefix/"),
        "STOCKS_CONTROL_DB": PATHS,
        "STOCKS_S3_ENDPOINT": st.just("http://127.0.0.1:5000"),
    },
)


@given(env=WORLDS)
def test_a_child_process_gets_the_same_world(env: dict[str, str]) -> None:
    """A20: `environment()` read back is the same world, and handing it on changes nothing more."""
    found = Settings.load(env)
    child = Settings.load(found.environment())
    assert child == found
    assert child.environment() == found.environment()


def test_without_an_argument_the_process_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A21: a changed variable needs no restart: each load looks again."""
    monkeypatch.setenv("STOCKS_LAKE", str(tmp_path / "one"))
    assert lake_root() == str(tmp_path / "one")
    monkeypatch.setenv("STOCKS_LAKE", str(tmp_path / "two"))
    assert lake_root() == str(tmp_path / "two")


def test_every_row_explains_itself() -> None:
    """E37: the table is what the README shows: a name, a default and a sentence each."""
    assert len(NAMES) == len(TABLE)
    assert all(row.name.startswith("STOCKS_") or row.name == "DAGSTER_HOME" for row in TABLE)
    assert all(row.help.endswith(".") for row in TABLE)


def test_a_shorter_minute_is_for_a_sandbox() -> None:
    """D14: live, a vendor's minute of two seconds would send thirty minutes' credits in one."""
    assert Settings.load({"STOCKS_CREDIT_MINUTE": "2"}).second_vendor.minute_s == 2
    assert Settings.load({"STOCKS_UPSTREAM": "live", "STOCKS_CREDIT_MINUTE": "60"}).second_vendor.minute_s == 60
    with pytest.raises(SettingError, match="STOCKS_CREDIT_MINUTE is 59"):
        Settings.load({"STOCKS_UPSTREAM": "live", "STOCKS_CREDIT_MINUTE": "59"})
