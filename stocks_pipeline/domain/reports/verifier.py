"""Is every number, date and name of a finished report true? The whole check, sharing no code with the writer.

What belongs here: `verify` and its verdict. What does not: the steps, one module each: verifier_spans (where evidence
stands), verifier_tokens (what stands outside it), verifier_series and verifier_recompute (facts from bars, by formulas
of our own), verifier_sources (facts from elsewhere), verifier_sheet (tampering), verifier_display (which text shows a
value), verifier_claims and verifier_context (what a value is called), verifier_periods (of which span of time),
verifier_direction, verifier_untold and verifier_compared (up and down, with a value and without, above and below),
verifier_levels and verifier_sizes (how much), verifier_tone (several facts at once, the stance among them),
verifier_feats and verifier_shapes (records, crossings, runs), verifier_events (what happened), verifier_plain and
verifier_worlds (doubts: what none of these has checked), verifier_layout and verifier_stance (first line, sections).

A finding refuses: something stored contradicts the report, or it states a number, date, name, direction, comparison,
stance or event that nothing stored shows. A doubt refuses nothing and asks for no second answer: a fifth of the
sentences of a good writer raises one, and each would cost as much again. It is stored and shown beside the report ("not
verified"), lowers its faithfulness score, and is told to the model where a finding has the report written again anyway.

No table of words is ever whole, so silence of the rules is not taken for a yes. Each word that claims something must
be one that some rule would refuse, were the stored values others; what no rule can contradict is a doubt.

Nothing here imports facts.py, fact_*.py, indicators.py, display.py or the injector, and a test forbids it: an error in
the writer's code cannot excuse itself.

What it cannot see: a judgement of taste ("a healthy picture") unless every signal contradicts it; nouns that tell a
story without a value ("after the rebound"); a word that some rule judges in another sense; what a sentence beside a
headline says of it; what is only said to be possible ("a boycott could hurt"); whether a headline is true, only that it
is the stored one; two values of one name in a sentence told apart by "respectively" (refused, not understood); a number
lower than the shown decimals; Thai beyond its shorter tables, which has no list of plain words. An omitted fact is no
lie: completeness is scored elsewhere. benchmarks/verifying.py prints how many written lies get through.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from stocks_pipeline.domain.reports.verifier_context import claims
from stocks_pipeline.domain.reports.verifier_direction import directions
from stocks_pipeline.domain.reports.verifier_display import NUMERIC, Known, accepted, shows
from stocks_pipeline.domain.reports.verifier_events import events
from stocks_pipeline.domain.reports.verifier_feats import feats
from stocks_pipeline.domain.reports.verifier_layout import layout, stance_of
from stocks_pipeline.domain.reports.verifier_levels import levels
from stocks_pipeline.domain.reports.verifier_periods import periods
from stocks_pipeline.domain.reports.verifier_plain import doubts
from stocks_pipeline.domain.reports.verifier_recompute import peers_of, recompute
from stocks_pipeline.domain.reports.verifier_sentences import Sentence, sentences
from stocks_pipeline.domain.reports.verifier_series import Bars, read_bars
from stocks_pipeline.domain.reports.verifier_shapes import Shapes
from stocks_pipeline.domain.reports.verifier_sheet import UNITS, sheet_problems
from stocks_pipeline.domain.reports.verifier_sizes import sizes
from stocks_pipeline.domain.reports.verifier_sources import company_facts, names_of, news_facts
from stocks_pipeline.domain.reports.verifier_spans import Problem, Span, edge_problems, mask, read_spans
from stocks_pipeline.domain.reports.verifier_tokens import name_words, unresolved
from stocks_pipeline.domain.reports.verifier_tone import tones
from stocks_pipeline.domain.reports.verifier_untold import untold
from stocks_pipeline.domain.reports.verifier_worlds import judged_in, other_worlds

__all__ = ["Problem", "Verdict", "verify"]


@dataclass(frozen=True)
class Verdict:
    """Whether a report may be shown; if not, every reason. `numbers_checked` counts the values compared.

    Attributes:
        findings: What contradicts the stored data or has no ground in them; one is enough to refuse the report.
        doubts: Sentences that nothing stored can confirm or deny; they refuse nothing and are shown to the reader.
    """

    passed: bool
    findings: tuple[Problem, ...]
    numbers_checked: int
    doubts: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class _Truth:
    """What the stores say, found without the writer."""

    known: Mapping[str, Known]
    origins: Mapping[str, tuple[str, date]]
    currency: str | None
    session: date | None
    shapes: Shapes
    problems: tuple[Problem, ...]


def verify(  # noqa: PLR0913, PLR0917 - everything a report was made of, and who else it might be about
    text: str,
    evidence: Sequence[Any],
    sheet_json: Mapping[str, Any],
    bars: Any,
    peers: Mapping[str, Any],
    company: Mapping[str, Any],
    news: Sequence[Any],
    language: str = "en",
    *,
    ticker: Mapping[str, Any] | None = None,
    names: Iterable[str] = (),
) -> Verdict:
    """Check a finished report against the stored data.

    Args:
        text: Markdown with every placeholder filled in.
        evidence: mappings or objects with start, end, fact and text: where each fact stands in `text`.
        sheet_json: what FactSheet.to_dict gives.
        bars: schemas.PRICES rows of the one symbol; later ones than the sheet's day are not looked at.
        peers: the rows of other tickers, as the sheet was built with them.
        company: the vendor's company fields, under the vendor's names.
        news: items with id, title and published_at.
        language: "en" or "th".
        ticker: the row of the ticker list. Without it the sheet's own is believed, but for Yahoo's symbol (see bars).
        names: names of companies that might be taken for this one; none may stand outside a span.

    Raises:
        ValueError: an unknown language, or news without a time zone.
        KeyError: the sheet lacks ticker, as_of, facts, absent or sources.
    """
    _check_language(language)
    truth = _truth(sheet_json, bars, peers, company, news, ticker)
    spans, problems = read_spans(evidence, text)
    masked = mask(text, spans)
    problems += [*truth.problems, *sheet_problems(sheet_json, truth.known, truth.origins, truth.session)]
    found = list(sentences(masked, [span for span in spans if span.fact in UNITS]))
    problems += _text_problems(masked, spans, sheet_json["facts"], truth)
    problems += [*unresolved(masked, language, _names(truth.known, names)), *_said(found, truth, stance_of(masked))]
    return Verdict(not problems, tuple(problems), len(spans), _unchecked(found, text, truth))


def _unchecked(found: Sequence[Sentence], text: str, truth: _Truth) -> tuple[Problem, ...]:
    """What nobody has checked."""
    worlds = other_worlds(truth.known)
    return tuple(doubts(found, text, lambda sentence: judged_in(sentence, worlds)))


def _check_language(language: str) -> None:
    if language not in {"en", "th"}:
        raise ValueError(f"the verifier reads en and th, not {language!r}")


def _text_problems(masked: str, spans: Sequence[Span], facts: Mapping[str, Any], truth: _Truth) -> list[Problem]:
    """The values and the layout."""
    problems: list[Problem] = []
    for span in spans:
        problems += _value(span, facts, truth)
        problems += edge_problems(masked, span, numeric=UNITS.get(span.fact) in NUMERIC)
    return [*problems, *layout(masked, spans, truth.known)]


def _said(found: Sequence[Sentence], truth: _Truth, stance: str | None) -> list[Problem]:
    """What the sentences say of the values."""
    known = truth.known
    problems = [*claims(found, UNITS, known), *periods(found, UNITS)]
    problems += [*directions(found, UNITS, known), *untold(found, UNITS, known), *levels(found, known)]
    problems += [*sizes(found, known), *tones(found, known, stance)]
    return [*problems, *feats(found, known, truth.shapes), *events(found, known)]


def _truth(  # noqa: PLR0913, PLR0917 - see verify
    sheet: Mapping[str, Any],
    table: Any,
    peers: Mapping[str, Any],
    company: Mapping[str, Any],
    news: Sequence[Any],
    listed: Mapping[str, Any] | None,
) -> _Truth:
    row = listed if listed is not None else sheet["ticker"]
    as_of = date.fromisoformat(sheet["as_of"])
    bars = read_bars(table, as_of)
    money = bars.currencies or frozenset({row["currency"]} - {None})
    currency = next(iter(money)) if len(money) == 1 else None
    others = {name: rows for name, rows in peers.items() if name not in {row["dr"], row["yahoo"]}}
    news_known, origins = news_facts(news)
    known = {
        **names_of(row, company),
        **recompute(bars, priced=currency is not None),
        **peers_of(bars, others),
        **company_facts(company, currency),
        **news_known,
    }
    session = bars.session(-1) if len(bars.close) else None
    return _Truth(known, origins, currency, session, Shapes(bars), tuple(_identity(sheet, row, bars, currency)))


def _identity(sheet: Mapping[str, Any], row: Mapping[str, Any], bars: Bars, currency: str | None) -> list[Problem]:
    """Whether sheet, ticker list and bars are of one company and one currency."""
    own = sheet["ticker"]
    problems = [
        Problem("company", -1, f"{own.get(field)!r}", f"the ticker list's {field} is {row.get(field)!r}")
        for field in ("dr", "yahoo", "name", "exchange_mic", "sector")
        if own.get(field) != row.get(field)
    ]
    code = str(row["yahoo"])
    allowed = {code, code.partition(".")[0], str(row["dr"])}
    if bars.symbols - allowed or len(bars.symbols) > 1:
        problems.append(Problem("company", -1, ", ".join(sorted(bars.symbols))[:80], f"the bars are not of {code}"))
    if sheet.get("currency") != currency:
        problems.append(Problem("sheet", -1, f"{sheet.get('currency')}", f"the bars are in {currency}"))
    return problems


def _value(span: Span, facts: Mapping[str, Any], truth: _Truth) -> list[Problem]:
    """The text of a span against the recomputed value, written by the display spec."""
    fact, known = facts.get(span.fact), truth.known.get(span.fact)
    if span.fact not in UNITS or fact is None or known is None:
        why = f"{span.fact!r} is absent: nothing stored gives it a value; leave it out"
        return [Problem("absent", span.start, span.text[:60], why)]
    decimals = fact.get("decimals")
    unit, places = UNITS[span.fact], decimals if isinstance(decimals, int) else -1
    if isinstance(fact.get("value"), int | float) and known.agrees(fact["value"]):
        known = Known(fact["value"])  # at a rounding edge, or of several true ranks, the text shows the sheet's
    if shows(span.text, known, unit, places, truth.currency):
        return []
    right = accepted(known, unit, places, truth.currency)
    kind = "company" if span.fact in {"ticker", "company_name", "yahoo_symbol"} else "value"
    why = f"{span.fact} is {' or '.join(sorted(right)) or known.value}; the text says {span.text[:60]!r}"
    return [Problem(kind, span.start, span.text[:60], why)]


def _names(known: Mapping[str, Known], others: Iterable[str]) -> frozenset[str]:
    """Words of names that may stand only inside spans: this company's, its peers' and any the caller knows."""
    own = [known[name].value for name in ("company_name",) if name in known]
    peers = [fact.value for name, fact in known.items() if name.startswith("peer_") and isinstance(fact.value, str)]
    return frozenset(word for name in (*own, *peers, *others) for word in name_words(str(name)))
