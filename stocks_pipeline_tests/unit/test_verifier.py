import ast
import random
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import stocks_pipeline.domain.reports.verifier as verifier_module
from stocks_pipeline.domain.reports.placeholders import Evidence
from stocks_pipeline.domain.reports.verifier import Verdict, verify
from stocks_pipeline.domain.tickers import packaged_tickers
from stocks_pipeline_tests.report_corpus import Report, corpus, report, simulated_bars, world
from stocks_pipeline_tests.report_mutations import KINDS as VALUE_KINDS
from stocks_pipeline_tests.report_word_mutations import WORD_KINDS

KINDS = VALUE_KINDS | WORD_KINDS
ALLOWED = {"stocks_pipeline.domain.schemas", "numpy", "pyarrow"}


def verdict(found: Report, **changes: object) -> Verdict:
    at = found.world
    given = {
        "text": found.text, "evidence": found.evidence, "sheet_json": found.sheet, "bars": at.bars, "peers": at.peers,
        "company": at.company, "news": at.news,
    } | changes  # fmt: skip
    return verify(**given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    return list(corpus(60, seed=20))


def test_imports_nothing_of_the_writer() -> None:
    """The verifier's modules import the standard library, numpy, pyarrow, the schemas and each other, nothing else."""
    folder = Path(str(verifier_module.__file__)).parent
    files = sorted(folder.glob("verifier*.py"))
    assert len(files) > 10
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
                base = str(node.module)
                names = [f"{base}.{a.name}" for a in node.names] if base.endswith(".reports") else [base]
            for name in names:
                mine = name.startswith("stocks_pipeline.domain.reports.verifier")
                standard = name.partition(".")[0] in sys.stdlib_module_names
                assert mine or standard or name in ALLOWED or name.partition(".")[0] in {"numpy", "pyarrow"}, (
                    path,
                    name,
                )


def test_passes_good_reports(reports: list[Report]) -> None:
    """Good reports of recorded and simulated bars pass, and every value in them is compared."""
    for found in reports:
        answer = verdict(found)
        assert answer.passed, answer.findings
        assert answer.numbers_checked == len(found.evidence)


@pytest.mark.parametrize("kind", list(KINDS))
def test_refuses_damage(kind: str, reports: list[Report]) -> None:
    """Every damaged report of this kind is refused, with a finding that says why."""
    rng = random.Random(kind)  # noqa: S311 - test data
    tried = 0
    for found in reports[::3]:
        for _ in range(2):
            damaged = KINDS[kind](found, rng)
            if damaged is None:
                continue
            tried += 1
            answer = verdict(damaged)
            assert not answer.passed, (damaged.text, damaged.evidence)
            assert all(problem.why and problem.kind for problem in answer.findings)
    assert tried > 10


def test_refuses_a_report_of_another_company(reports: list[Report]) -> None:
    """A report cannot be shown for another ticker: the ticker list's row and the bars' symbol disagree with it."""
    own, other = reports[0], next(r for r in reports if r.world.ticker.dr != reports[0].world.ticker.dr)
    row = {"dr": "X", "yahoo": "X", "name": "X", "exchange_mic": "X", "currency": None, "sector": None}
    assert {p.kind for p in verdict(own, ticker=row).findings} >= {"company"}
    assert {p.kind for p in verdict(own, bars=other.world.bars).findings} >= {"company"}


def test_refuses_a_sheet_built_from_other_bars(reports: list[Report]) -> None:
    """One changed close in the stored bars refuses the report made before the change."""
    found = reports[0]
    table = found.world.bars
    session = date.fromisoformat(found.sheet["facts"]["session"]["value"])
    rows = table.to_pylist()
    for row in rows:
        if row["session"] == session:
            row["close"] *= 1.01
    assert not verdict(found, bars=type(table).from_pylist(rows, schema=table.schema)).passed


def test_later_bars_change_nothing() -> None:
    """Bars after the sheet's day are not looked at, as a rerun of an old day has them."""
    rng = random.Random(3)  # noqa: S311 - test data
    bars = simulated_bars(rng, "C6L.SI", "SGD", 300, date(2024, 3, 14))
    ticker = packaged_tickers()[0]
    made = report(world(ticker, bars, {}, date(2024, 1, 10), rng), rng)
    cut = bars.filter([day <= date(2024, 1, 10) for day in bars.column("session").to_pylist()])
    assert verdict(made).passed
    assert verdict(made, bars=cut).passed


def test_unknown_language_is_an_error(reports: list[Report]) -> None:
    """A language without word tables is refused loudly, never read as English."""
    with pytest.raises(ValueError, match="reads en and th"):
        verdict(reports[0], language="de")


def test_news_without_a_zone_is_an_error(reports: list[Report]) -> None:
    """A headline's day depends on its zone, so a time without one is no time."""
    item = {"id": "a", "title": "t", "published_at": datetime(2024, 1, 1, tzinfo=UTC).replace(tzinfo=None)}
    with pytest.raises(ValueError, match="zone"):
        verdict(reports[0], news=[item])


def test_findings_quote_and_advise(reports: list[Report]) -> None:
    """A finding holds the snippet, its place and what is allowed, for one corrective retry of a model."""
    found = reports[0]
    at = found.text.index("## Momentum")
    answer = verdict(found, text=found.text[:at] + "It rose twice. " + found.text[at:])
    mine = next(p for p in answer.findings if "twice" in p.text)
    assert (mine.kind, mine.at) == ("unresolved", at + 8)
    assert "placeholder" in mine.why


def test_evidence_may_be_objects(reports: list[Report]) -> None:
    """Evidence is read from mappings and from objects alike."""
    found = reports[0]
    assert verdict(found, evidence=[Evidence(**entry) for entry in found.evidence]).passed


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"start": True, "end": 3, "fact": "close", "text": "x"},
        {"start": -3, "end": 2, "fact": "close", "text": "x"},
        {"start": 0, "end": 10**9, "fact": "close", "text": "x"},
        None,
        7,
    ],
)
def test_malformed_evidence_is_refused(entry: object, reports: list[Report]) -> None:
    """Evidence of a wrong shape refuses the report and raises nothing."""
    answer = verdict(reports[0], evidence=[*reports[0].evidence, entry])
    assert "span" in {p.kind for p in answer.findings}


def test_overlapping_evidence_is_refused(reports: list[Report]) -> None:
    """One stretch of text cannot show two facts."""
    found = reports[0]
    answer = verdict(found, evidence=[*found.evidence, found.evidence[0]])
    assert any(p.kind == "span" and "overlaps" in p.why for p in answer.findings)


def test_no_bars_no_numbers() -> None:
    """Where no bar has a close, a report that shows a price is refused as showing what is absent."""
    made = next(corpus(1, seed=5))
    answer = verdict(made, bars=made.world.bars.slice(0, 0))
    assert "absent" in {p.kind for p in answer.findings}
