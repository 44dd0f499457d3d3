"""A report as one HTML document: chart inside, no script, nothing loaded from anywhere, every text escaped.

What belongs here: the document. What does not: which report (show_report.py), what a report says (domain/reports/).
"""

import base64
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape

from stocks_pipeline.cli.show_report import about, score_rows
from stocks_pipeline.domain.reports.display import display, long_date
from stocks_pipeline.domain.reports.fact_labels import in_words, label
from stocks_pipeline.domain.reports.fact_units import FactSheet
from stocks_pipeline.domain.reports.page import Page, page_of
from stocks_pipeline.storage.reports import Report

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What a browser may do with the document: show it."""
STYLE = """
:root{color-scheme:light dark;--soft:#667;--line:#d5d9e0}
@media(prefers-color-scheme:dark){:root{--soft:#9aa3b2;--line:#3a4250}body{background:#14181f;color:#e6e9ef}}
body{font:16px/1.55 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem}
h1{margin:0;font-size:1.6rem}h2{font-size:1.1rem;margin:1.6rem 0 .4rem}
.soft,footer,th{color:var(--soft)}.stance{float:right;border:1px solid;border-radius:.3rem;padding:.1rem .6rem}
.BUY{color:#18794e}.SELL{color:#c62a2f}img{width:100%;height:auto;background:#fff;border-radius:.3rem}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr));gap:.2rem 1rem;margin:1rem 0}
.facts div{border-top:1px solid var(--line);padding:.3rem 0}.facts b{display:block}
table{border-collapse:collapse;width:100%;font-size:.85rem}
td,th{text-align:left;border-top:1px solid var(--line);padding:.25rem .5rem .25rem 0;vertical-align:top}
footer{margin:2rem 0;font-size:.85rem}.small{font-size:.8rem;margin:0 0 1rem}
.world{border:1px solid;border-radius:.3rem;padding:.3rem .6rem;font-weight:600}
"""


def document(report: Report) -> str:
    """The whole document, ending in a line break."""
    page = page_of(report.payload)
    chart = base64.b64encode(report.chart_png()).decode("ascii")
    stance = page.stance if page.stance in {"BUY", "SELL", "HOLD"} else ""
    parts = [
        f'<span class="stance {stance}">{escape(page.stance)}</span>',
        f"<h1>{escape(page.ticker)} — {escape(page.company)}</h1>",
        f'<div class="soft">{escape(page.session)} · morning of {report.day}</div>',
        *([f'<p class="world">{escape(page.world)}</p>'] if page.world else []),
        _key_facts(page),
        f'<div class="soft small">{escape(page.legend)}</div>',
        f'<img alt="Price chart of {escape(page.ticker)}" src="data:image/png;base64,{chart}">',
        *_sections(page),
        "<h2>Scores, 0 to 10</h2>",
        _table(("score", "value"), ((str(r["score"]), _value(r)) for r in score_rows(report.payload))),
        f"<details><summary>Where the figures come from</summary>{_sources(report)}</details>",
        f"<footer>{_about(report)}</footer>",
    ]
    title = escape(f"{page.ticker} — {page.company}")
    return (
        f'<!doctype html>\n<html lang="{escape(page.language)}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n" + "\n".join(parts) + "\n</body>\n</html>\n"
    )


def _about(report: Report) -> str:
    lines = [*(f"{label}: {text}" for label, text in about(report)), "Not investment advice."]
    return "<br>".join(escape(line) for line in lines)


def _key_facts(page: Page) -> str:
    cells = (f"<div>{escape(label)}<b>{escape(value)}</b></div>" for label, value in page.key_facts)
    return f'<div class="facts">{"".join(cells)}</div>'


def _sections(page: Page) -> Iterable[str]:
    for section in page.sections:
        yield f"<h2>{escape(section.title)}</h2>"
        yield from (f"<p>{escape(text)}</p>" for text in section.paragraphs)
        if section.points:
            yield f"<ul>{''.join(f'<li>{escape(point)}</li>' for point in section.points)}</ul>"


def _sources(report: Report) -> str:
    """Each figure of the text with its session, formula and the stored file behind it."""
    sheet = FactSheet.from_dict(report.payload["facts"])
    names = [name for name in dict.fromkeys(one["fact"] for one in report.payload["evidence"]) if name in sheet.facts]
    facts = [sheet.facts[name] for name in names]
    rows = (
        (label(fact.name), display(fact, sheet.currency), _day(fact.as_of), in_words(fact.formula), fact.source)
        for fact in facts
    )
    return _table(("fact", "value", "session", "how", "from"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>{body}</table>"


def _value(row: dict[str, object]) -> str:
    return str(row[""]) if row["value"] is None else f"{row['value']}"


def _day(day: object) -> str:
    return long_date(datetime.fromisoformat(str(day)).date())
