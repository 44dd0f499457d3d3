"""Mornings of reports from the command line: real clients, a real sandbox, the README's own commands."""

import json
import re
import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stocks_pipeline.cli.app import app
from stocks_pipeline.storage.lake import open_lake
from stocks_pipeline_tests.fault_desk import DAY, desk_environment
from stocks_pipeline_tests.sandbox_server import SandboxServer

README = Path(__file__).parents[2] / "README.md"
FIVE = ["SIA19", "STEG19", "VENTURE19", "NINTENDO19", "SMFG19"]
"""The first of the packaged list."""


@dataclass(frozen=True)
class Cli:
    """The command on one desk, in this process."""

    world: SandboxServer
    env: Mapping[str, str]

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        found = CliRunner().invoke(app, list(arguments))
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        return found.exit_code, found.stdout, found.stderr

    def json(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Exit code and the one document on standard output."""
        code, out, said = self.run(*arguments)
        assert out, said
        document: dict[str, Any] = json.loads(out)
        return code, document

    def asked(self) -> Counter[str]:
        """Calls by endpoint since the desk was made; `key`, the question whether a key is good, costs nothing."""
        return Counter(record["endpoint"] for record in self.world.log())

    def written_about(self) -> Counter[str]:
        """Answers of the model by ticker."""
        return Counter(record["symbol"] for record in self.world.log(endpoint="chat"))

    def invoice(self) -> int:
        """Answers that the model's vendor charges for."""
        return len(self.world.log(endpoint="chat"))


@pytest.fixture
def cli(world: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A desk that never ran; its tries are over after a second."""
    env = desk_environment(tmp_path, world, STOCKS_RETRY_BUDGET="1")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return Cli(world, env)


def test_the_four_exercises_of_the_readme(cli: Cli) -> None:
    """Seed 001: precompute five, see the execution, count the completed jobs, read the stored report."""
    section = README.read_text(encoding="utf-8").split("### Four exercises")[1].split("\n## ")[0]
    (block,) = re.findall(r"```bash\n(.*?)```", section, flags=re.DOTALL)
    lines = [shlex.split(line, comments=True)[1:] for line in block.splitlines() if line.startswith("stocks ")]
    assert [line[0] for line in lines] == ["run", "precompute", "status", "sql", "sql", "report"]
    answers = [cli.run(*line) for line in lines]
    assert [code for code, _, _ in answers] == [0] * len(lines), answers
    begun = json.loads(answers[1][1])
    assert (begun["statusCode"], begun["body"]["workflow_input"]["limit"]) == (200, 5)
    assert re.fullmatch(r"precompute-\d{8}-\d{6}", begun["body"]["execution_name"])
    assert begun["body"]["execution_arn"] == begun["run_ids"][0]
    assert "5 of 46 reports are written" in answers[2][1]
    assert begun["body"]["execution_arn"][:8] in answers[2][1]
    assert re.search(r"completed\s+5\b", answers[3][1])
    assert "SIA19" in answers[4][1]
    assert "Key takeaways" in answers[5][1]


def test_limit_five_is_five_from_data_to_report_and_history_is_kept(cli: Cli) -> None:
    """Five are fetched, written and told; once more costs nothing; `--rewrite` is a new execution beside the old."""
    code, first = cli.json("run", "dr", "--date", str(DAY), "--limit", "5", "--json")
    assert (code, first["exit"], first["written"], first["data_stored"], first["whole"]) == (0, "ok", 5, 5, True)
    assert list(first["by_ticker"]) == FIVE
    assert float(first["paid_usd"]) > 0
    paid = cli.invoice()
    assert cli.run("status")[1].splitlines()[0] == (
        f"DR morning {DAY} is not whole: 5 of 46 reports are written; 41 not begun."
    )

    code, again = cli.json("run", "dr", "--date", str(DAY), "--limit", "5", "--json")
    assert (code, again["paid_usd"], cli.invoice()) == (0, "0", paid)
    assert cli.json("run", "dr", "--date", str(DAY), "--tickers", "C6L.SI", "--rewrite", "--json")[0] == 0
    assert cli.invoice() > paid

    code, kept = cli.json("report", "sia19", "--history", "--json")
    assert (code, len({row["execution"] for row in kept["executions"]})) == (0, 3)
    code, payload = cli.json("report", "C6L.SI", "--date", str(DAY), "--json")
    assert (code, payload["ticker"], payload["execution_id"]) == (0, "SIA19", kept["executions"][-1]["execution"])
    code, page, _ = cli.run("report", "SIA19", "--html")
    assert (code, "<script" in page, "http" in page.split("</head>")[1].replace("http-equiv", "")) == (0, False, False)
    assert 'src="data:image/png;base64,' in page


def test_a_fetch_only_asks_for_the_two_named_and_for_no_report(cli: Cli) -> None:
    """A16: both names, exactly those two, and the model is not called."""
    code, found = cli.json("run", "dr", "--date", str(DAY), "--tickers", "NVDA,DBS19", "--no-reports", "--json")
    assert (code, found["data_stored"], found["written"], [s["stage"] for s in found["stages"]]) == (
        0,
        2,
        0,
        ["fetch"] * len(found["stages"]),
    )
    lake = open_lake(cli.env["STOCKS_LAKE"])
    stored = [key.rpartition("/")[2] for key in lake.list("dr/ticker-data/")]
    assert stored == ["DBS19.parquet", "NVDA19.parquet"]
    assert {r["symbol"] for r in cli.world.log(endpoint="chart")} == {"NVDA", "D05.SI"}
    assert cli.invoice() == 0
    code, out, said = cli.run("report", "NVDA19")
    assert (code, out) == (1, "")
    assert "no report of NVDA19" in said
    assert "stocks run dr --tickers NVDA19" in said


def test_without_data_precompute_fails_at_once(cli: Cli) -> None:
    """A17: no network is touched, the command that brings the data is named."""
    code, out, said = cli.run("precompute", "--date", str(DAY), "--limit", "5")
    assert (code, out, cli.world.log()) == (1, "", [])
    assert f"stocks run dr --no-reports --date {DAY}" in said


def test_a_morning_breaks_is_seen_and_is_healed(cli: Cli) -> None:
    """Data of one ticker and the report of another fail (3); dead letters name both; retry heals just those (0)."""
    cli.world.fault("500", endpoint="chart", symbols=["C6L.SI"])
    cli.world.fault("refusal", symbols=["VENTURE19"])
    code, ran = cli.json("run", "dr", "--date", str(DAY), "--limit", "4", "--json")
    assert (code, ran["exit"], ran["written"], ran["data_failed"]) == (3, "partial", 2, {"transient": 1})
    assert sum(ran["failed"].values()) == 1

    code, dead = cli.json("dead-letters", "--json")
    rows = [*dead["failed"], *dead["no_data"]]
    steps = {row["ticker"]: (row["step"], row["tries"] > 0, bool(row["why"]), bool(row["do"])) for row in rows}
    assert (code, steps) == (0, {"SIA19": ("data", True, True, True), "VENTURE19": ("report", True, True, True)})
    code, out, _ = cli.run("dead-letters", "--date", str(DAY), "--limit", "1")
    assert (code, "1 failed, 1 with no data." in out, "stocks retry dr" in out) == (0, True, True)
    _, seen = cli.json("status", "--date", str(DAY), "--json")
    assert seen["mornings"][0]["next"] == [
        f"stocks dead-letters --date {DAY}",
        f"stocks retry dr --date {DAY}",
        f"stocks run dr --date {DAY}",
    ]

    code, vain = cli.json("retry", "dr", "--date", str(DAY), "--json")
    assert (code, vain["healed"], vain["left"], vain["exit"]) == (1, [], ["SIA19", "VENTURE19"], "failure")
    cli.world.clear_faults()
    before = cli.written_about()
    code, reports = cli.json("retry", "dr/ticker_reports", "--date", str(DAY), "--json")
    assert (code, reports["asked"], reports["healed"]) == (0, ["VENTURE19"], ["VENTURE19"])
    code, healed = cli.json("retry", "dr", "--date", str(DAY), "--json")
    assert (code, healed["asked"], healed["healed"], healed["left"]) == (0, ["SIA19"], ["SIA19"], [])
    assert set(cli.written_about() - before) == {"SIA19", "VENTURE19"}
    code, nothing = cli.json("retry", "dr", "--date", str(DAY), "--json")
    assert (code, nothing["asked"], nothing["exit"]) == (0, [], "ok")
    assert cli.json("dead-letters", "--json")[1]["failed"] == []


def test_a_retry_without_a_date_is_of_the_newest_morning(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest that was begun; live without a key it ends before anybody is asked (B08), and then goes on."""
    assert cli.run("run", "dr", "--date", str(DAY), "--limit", "2", "--no-reports")[0] == 0
    with monkeypatch.context() as live:
        live.setenv("STOCKS_UPSTREAM", "live")
        live.delenv("STOCKS_SANDBOX_URL")
        code, out, said = cli.run("retry", "dr")
        assert (code, out, said.startswith("stocks: STOCKS_LLM_API_KEY is not set")) == (2, "", True)
    code, healed = cli.json("retry", "dr", "--json")
    assert (code, healed["date"], healed["healed"]) == (0, str(DAY), ["SIA19", "STEG19"])


@pytest.mark.parametrize(
    ("fault", "step", "until"),
    [
        ("401", "Check STOCKS_LLM_API_KEY", "the key is taken"),
        ("402", "or add credit", "there is credit again"),
        ("day_cap", "or add credit", "UTC"),
        ("", "raise STOCKS_LLM_BUDGET_USD", " 00:00 UTC"),
    ],
)
def test_what_stopped_the_stage_is_told_before_the_retry(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, fault: str, step: str, until: str
) -> None:
    """A refused key, no credit, the vendor's or our own cap: run, status, dead letters and summary say what to mend."""
    if fault:
        cli.world.fault(fault, **({"endpoint": "chat"} if fault == "day_cap" else {}))
    else:
        monkeypatch.setenv("STOCKS_LLM_BUDGET_USD", "0")
    _, ran, _ = cli.run("run", "dr", "--date", str(DAY), "--limit", "2")
    _, seen, _ = cli.run("status", "--date", str(DAY))
    _, dead, _ = cli.run("dead-letters")
    for out in (ran, seen, dead):
        told = out.split("What to do\n")[1]
        assert step in told
        assert told.index(step) < told.index("stocks retry dr")
    assert f"DR morning {DAY}: 2 pending." in dead
    waiting = cli.json("dead-letters", "--json")[1]
    assert (waiting["total"], waiting["waiting"], waiting["failed"]) == (0, 2, [])
    for row in waiting["pending"]:
        assert (step in row["do"], row["until"].endswith(until)) == (True, True)
    summary = json.loads(open_lake(cli.env["STOCKS_LAKE"]).read(f"dr/summaries/{DAY}.json"))
    assert step in summary["next_steps"]


def test_a_failure_of_the_model_is_advised_as_the_model_s(cli: Cli) -> None:
    """Declined, cut short, refused by the verifier: each with its calls and what helps, none as a vendor's symbol."""
    for fault, ticker in (("refusal", "SIA19"), ("truncated", "STEG19"), ("injected_by_news", "VENTURE19")):
        cli.world.fault(fault, symbols=[ticker], endpoint="chat")
    assert cli.run("run", "dr", "--date", str(DAY), "--limit", "3")[0] == 1
    told = {r["ticker"]: (r["tries"], r["do"], r["why"]) for r in cli.json("dead-letters", "--json")[1]["failed"]}
    assert {name: tries for name, (tries, _, _) in told.items()} == {"SIA19": 1, "STEG19": 2, "VENTURE19": 2}
    assert "STOCKS_LLM_MODEL" in told["SIA19"][1]
    assert "STOCKS_LLM_MAX_TOKENS" in told["STEG19"][1]
    assert "STOCKS_LLM_MAX_TOKENS" in told["STEG19"][2]
    assert "STOCKS_LLM_MODEL" in told["VENTURE19"][1]
    assert not any(re.search("symbol|format", do) for _, do, _ in told.values())


def test_tickers_with_no_data_are_counted_alike_everywhere(cli: Cli) -> None:
    """Run, dead letters, jobs and summary: no data, and nobody's failed report."""
    cli.world.fault("unknown", symbols=["C6L.SI", "S63.SI"])
    _, ran = cli.json("run", "dr", "--date", str(DAY), "--limit", "3", "--json")
    assert (ran["data_failed"], ran["failed"], ran["jobs"]) == ({"permanent": 2}, {}, {"no data": 2, "completed": 1})
    dead = cli.json("dead-letters", "--json")[1]
    assert ([row["ticker"] for row in dead["no_data"]], dead["failed"]) == (["SIA19", "STEG19"], [])
    assert "2 with no data." in cli.run("dead-letters")[1]
    summary = json.loads(open_lake(cli.env["STOCKS_LAKE"]).read(f"dr/summaries/{DAY}.json"))
    assert (summary["failed"], summary["skipped"], summary["no_data"]) == (0, 2, 2)
    assert summary["message"].startswith("1 of 3 reports that were asked for are there; 2 with no data (2 permanent)")


def test_the_demo_of_a_morning_ends_with_a_report_to_read(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list, two receipts long here: their row in the last table and the command that shows one."""
    listed = tmp_path / "two.csv"
    listed.write_text("dr,yahoo,name,exchange_mic,currency\nNVDA19,NVDA,NVIDIA,XNAS,USD\nDBS19,D05.SI,DBS,XSES,SGD\n")
    monkeypatch.setenv("STOCKS_DR_TICKERS", str(listed))
    code, out, _ = cli.run("demo", "--only", "dr", "--date", str(DAY))
    assert (code, f"DR morning {DAY} is whole: 2 of 2 reports are written." in out) == (0, True)
    assert ".venv/bin/stocks report NVDA19" in out.split("Try next")[1]


def test_the_doctor_asks_the_model_for_leave_and_buys_nothing(cli: Cli) -> None:
    """Well, a refused key, a spent budget: each said with what to do; no answer is bought."""
    assert cli.run("run", "dr", "--date", str(DAY), "--tickers", "NVDA", "--no-reports")[0] == 0
    states = {f["name"]: f["state"] for f in cli.json("doctor", "--json")[1]["findings"]}
    assert {n: states[n] for n in ("ticker list", "model", "model budget", "report jobs")} == dict.fromkeys(
        ("ticker list", "model", "model budget", "report jobs"), "ok"
    )
    cli.world.fault("401", endpoint="key")
    code, found = cli.json("doctor", "--json")
    (model,) = [f for f in found["findings"] if f["name"] == "model"]
    assert (code, model["state"], bool(model["do"])) == (1, "fail", True)
    assert cli.invoice() == 0
