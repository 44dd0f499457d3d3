"""A finished report as it is stored: the JSON payload under the seed's keys, and the Markdown file beside it.

What belongs here: the keys, and turning what the stages made into JSON types. What does not: writing files, the PDF
(page.py, render.py). The same input gives the same bytes.

The seed's keys: narrative_report, chart_base64, user_facing_scores, timing_metrics {fetch_data, news, ai_analysis,
chart} in seconds, api_costs. Ours: evidence, facts, verdict (whose doubts are the sentences not verified), score_parts,
world (where prices come from, and whether the sandbox played news and model) and the report's own data.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from stocks_pipeline.domain.news import NewsItem
from stocks_pipeline.domain.reports.display import display, long_date
from stocks_pipeline.domain.reports.fact_labels import LEGEND, in_words, label
from stocks_pipeline.domain.reports.fact_units import Fact, FactSheet
from stocks_pipeline.domain.reports.gaps import GAPS, gaps
from stocks_pipeline.domain.reports.judged import Problem, Verdict
from stocks_pipeline.domain.reports.page import DOUBTS, DOUBTS_MEAN
from stocks_pipeline.domain.reports.placeholders import Narrative, escaped
from stocks_pipeline.domain.reports.scores import explained, present
from stocks_pipeline.domain.reports.weighing import Score, label_of
from stocks_pipeline.domain.reports.world import cost_of, world_note, writer_of


@dataclass(frozen=True)
class Timings:
    """Seconds of each step; None for a step that was not taken."""

    fetch_data: float | None
    news: float | None
    ai_analysis: float | None
    chart: float | None


@dataclass(frozen=True)
class Costs:
    """What the model was paid, over all calls of the report. `usd` None: the provider told no price."""

    model: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    usd: Decimal | None


@dataclass(frozen=True)
class Execution:
    """Which execution made the report, and when (aware)."""

    execution_id: str
    generated_at: datetime


def build_payload(  # noqa: PLR0913  what five stages made, each by its name
    *,
    sheet: FactSheet,
    narrative: Narrative,
    verdict: Verdict,
    scores: Mapping[str, Score],
    chart_png: bytes,
    news: Sequence[NewsItem],
    timings: Timings,
    costs: Costs,
    execution: Execution,
) -> dict[str, Any]:
    """The payload as JSON types; money is text, times are ISO in UTC.

    Raises:
        KeyError: the sheet lacks the facts that head a report (ticker, company_name, session).
    """
    return {
        "ticker": sheet.facts["ticker"].value,
        "company_name": sheet.facts["company_name"].value,
        "session": _session(sheet),
        "stance": narrative.stance,
        "execution_id": execution.execution_id,
        "generated_at": _utc(execution.generated_at),
        "model": costs.model,
        "narrative_report": narrative.text,
        "user_facing_scores": present(scores),
        "timing_metrics": {name: _seconds(value) for name, value in asdict(timings).items()},
        "api_costs": {**asdict(costs), "usd": None if costs.usd is None else format(costs.usd, "f")},
        "evidence": [asdict(one) for one in narrative.evidence],
        "verdict": _verdict(verdict),
        "news_items": [{**asdict(item), "published_at": _utc(item.published_at)} for item in news],
        "score_parts": explained(scores),
        "facts": sheet.to_dict(),
        "chart_base64": base64.b64encode(chart_png).decode("ascii"),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    checked = {"passed": verdict.passed, "numbers_checked": verdict.numbers_checked}
    return checked | {"findings": _problems(verdict.findings), "doubts": _problems(verdict.doubts)}


def _problems(found: Sequence[Problem]) -> list[dict[str, Any]]:
    return [{"kind": one.kind, "at": one.at, "text": one.text, "why": one.why} for one in found]


def payload_json(payload: Mapping[str, Any]) -> bytes:
    """The payload as it is stored.

    Raises:
        ValueError: a number in it is not finite.
    """
    return json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def markdown(payload: Mapping[str, Any], *, chart: str | None = None) -> str:
    """The report for people: the text, the scores and where each figure comes from. `chart` is a file name to show."""
    sheet = FactSheet.from_dict(payload["facts"])
    heading, _, rest = payload["narrative_report"].partition("\n")
    world = world_note(payload)
    parts = [
        heading,
        *([f"> {world}"] if world else []),
        *([f"![Price chart]({chart})"] if chart else []),
        rest.strip(),
    ]
    if lacking := gaps(sheet.absent):
        parts.append(f"## {GAPS}\n\n" + "\n".join(f"- {escaped(line)}" for line in lacking))
    parts.append("## Scores\n\n" + "\n".join(_score_rows(payload["score_parts"])))
    parts.append("## Where the figures come from\n\n" + "\n".join(_source_rows(payload["evidence"], sheet)))
    if doubts := payload["verdict"]["doubts"]:
        rows = [f"- {one['text']}" for one in doubts]
        parts.append(f"## {DOUBTS}\n\n{DOUBTS_MEAN}\n\n" + "\n".join(rows))
    if error := payload.get("news_error"):
        parts.append(f"News could not be had: {escaped(error)}.")
    if note := sheet.currency_note:
        parts.append(f"Mind the currency: {note}, and so is every price here.")
    parts.append(LEGEND)
    parts.append(
        f"Written {payload['generated_at']} by {escaped(writer_of(payload))}, {cost_of(payload)}; "
        f"execution {escaped(payload['execution_id'])}. Not investment advice."
    )
    return "\n\n".join(parts) + "\n"


def _score_rows(scores: Mapping[str, Any]) -> list[str]:
    rows = ["| score | 0 to 10 | made of |", "|---|---:|---|"]
    for name, score in scores.items():
        shown = "–" if score["value"] is None else f"{score['value']:.1f}"
        made = "; ".join(
            f"{one['name']} {'–' if one['value'] is None else format(one['value'], '.1f')} ({one['why']})"
            for one in score["parts"]
        )
        rows.append(f"| {label_of(name, score['better'])} | {shown} | {escaped(score['reason'] or made)} |")
    return rows


def _source_rows(evidence: Sequence[Mapping[str, Any]], sheet: FactSheet) -> list[str]:
    rows = ["| fact | value | session | how | from |", "|---|---|---|---|---|"]
    for name in dict.fromkeys(one["fact"] for one in evidence):
        fact: Fact = sheet.facts[name]
        shown = escaped(display(fact, sheet.currency))
        cells = (label(name), shown, long_date(fact.as_of), escaped(in_words(fact.formula)), escaped(fact.source))
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def _session(sheet: FactSheet) -> str:
    session = sheet.facts["session"].value
    return session if isinstance(session, str) else session.isoformat()  # type: ignore[union-attr] # a DATE is a date


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
