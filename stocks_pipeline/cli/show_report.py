"""`stocks report`: a stored report, as text, HTML, Markdown, JSON or a path. Reads the lake and nothing else.

What belongs here: choosing the report and its form, and the text for a terminal. What does not: the HTML document
(report_html.py), finding reports (storage/reports.py).
"""

import sys
from datetime import date
from typing import TYPE_CHECKING, Any

from rich.markdown import Markdown

from stocks_pipeline.cli import mornings
from stocks_pipeline.cli.desk import begun_lake
from stocks_pipeline.cli.output import Exit, console, fail, print_json, print_table, say
from stocks_pipeline.storage import layout
from stocks_pipeline.storage.lake import KeyMissing
from stocks_pipeline.storage.reports import NoReport, Report, get_report, report_history

if TYPE_CHECKING:
    from stocks_pipeline.settings import Settings
    from stocks_pipeline.storage.lake import Lake

LINE = 100
"""Columns of prose that the eye can follow."""
BAR = 10


def show_report(found: "Settings", name: str, date_text: str | None, form: str, *, history: bool) -> Exit:
    """Print the ticker's report in that form; a failure says which there are."""
    ticker = mornings.resolve(mornings.followed(found), name, "TICKER").dr
    day = mornings.morning_named(date_text) if date_text else None
    lake = begun_lake(found, "dr")
    try:
        report = get_report(lake, ticker, day)
    except NoReport as error:
        why, when = _begun(lake, ticker, day) or (str(error), f" --date {day}" if day else "")
        fail(f"{why}. Write it with: stocks run dr --tickers {ticker}{when}", Exit.FAILURE)
    if history:
        _print_history(lake, report, as_json=form == "json")
    elif form == "json":
        sys.stdout.write(lake.read(layout.report_key(report.day, ticker)).decode() + "\n")
    elif form == "markdown":
        sys.stdout.write(_markdown(lake, report))
    elif form == "html":
        from stocks_pipeline.cli.report_html import document

        sys.stdout.write(document(report))
    elif form == "open-path":
        sys.stdout.write(_path(lake, report, "pdf", "chart") + "\n")
    else:
        _print_text(lake, report)
    return Exit.OK


def _begun(lake: "Lake", ticker: str, day: date | None) -> tuple[str, str] | None:
    """Of a ticker whose data of the morning (the newest there is) are stored: what became of its report, and the option
    that names the morning.
    """
    from stocks_pipeline.defs.dr.job_book import newest_jobs
    from stocks_pipeline.defs.dr.report_state import report_state

    if day is None:
        stored = lake.folders(f"{mornings.GROUP}/ticker-data/")
        day = date.fromisoformat(stored[-1]) if stored else None
    if day is None or not lake.exists(layout.ticker_data_key(day, ticker)):
        return None
    found = report_state(lake, day, ticker, newest_jobs(lake, day).get(ticker))
    ended = {"none": "was never begun", "in_work": "is in work"}.get(found.state, f"{found.state}: {found.why}")
    told = f"no report of {ticker} for {day}: its data are stored, its report {ended.replace('pending', 'waits')}"
    return told, f" --date {day}"


def _print_text(lake: "Lake", report: Report) -> None:
    from stocks_pipeline.domain.reports.fact_labels import LEGEND
    from stocks_pipeline.domain.reports.world import world_note

    payload = report.payload
    heading, _, body = report.text.partition("\n")
    console.print(Markdown(heading, hyperlinks=False), width=LINE)
    if world := world_note(payload):
        say(world, style="yellow")
    console.print(Markdown(body + _added(payload), hyperlinks=False), width=min(LINE, console.width))
    console.print()
    say(LEGEND, style="dim")
    print_table("Scores, 0 to 10", score_rows(payload))
    for label, text in about(report):
        say(f"{label:<10} {text}", style="dim")
    say(f"{'chart':<10} {_path(lake, report, 'chart')}")
    say(f"{'page':<10} {_path(lake, report, 'pdf', 'markdown')}")


def _added(payload: Any) -> str:
    """What the code adds below the model's sections, as Markdown."""
    from stocks_pipeline.domain.reports.page import added_sections
    from stocks_pipeline.domain.reports.placeholders import escaped

    blocks = []
    for section in added_sections(payload):
        points = "\n".join(f"- {escaped(point)}" for point in section.points)
        blocks.append("\n\n".join([f"\n## {section.title}", *map(escaped, section.paragraphs), points]))
    return "\n".join(blocks)


def score_rows(payload: Any) -> list[dict[str, object]]:
    """A row for each score that there is, then those that are absent with the reason."""
    from stocks_pipeline.domain.reports.weighing import label_of

    rows: list[dict[str, object]] = []
    for name, score in payload["score_parts"].items():
        value, label = score["value"], label_of(name, score["better"])
        if value is None:
            rows.append({"score": label, "value": None, "": _first(score["reason"] or "not known")})
        else:
            rows.append({"score": label, "value": round(value, 1), "": "█" * round(value / 10 * BAR)})
    return rows


def about(report: Report) -> list[tuple[str, str]]:
    """Which session and morning, how it was verified, what it cost, which execution made it."""
    from stocks_pipeline.domain.reports.fact_units import FactSheet
    from stocks_pipeline.domain.reports.world import cost_of, writer_of

    payload = report.payload
    checked = payload["verdict"]["numbers_checked"]
    news = payload.get("news_error") or f"{len(payload['news_items'])} headlines"
    took = ", ".join(f"{step} {value:g} s" for step, value in payload["timing_metrics"].items() if value is not None)
    return [
        ("session", f"{report.session}, written for the morning of {report.day}"),
        ("verified", f"{checked} numbers, dates and names traced to stored rows and computed again"),
        ("news", news),
        *([("currency", note)] if (note := FactSheet.from_dict(payload["facts"]).currency_note) else []),
        ("written", f"{report.generated_at:%Y-%m-%d %H:%M} UTC by {writer_of(payload)}; {took}"),
        ("cost", cost_of(payload)),
        ("execution", payload["execution_id"]),
    ]


def _print_history(lake: "Lake", report: Report, *, as_json: bool) -> None:
    """Every execution of the morning's report, oldest first; the last one is what is shown."""
    rows = [
        {
            "execution": made.payload["execution_id"],
            "generated_at": made.generated_at.isoformat(timespec="seconds"),
            "stance": made.stance,
            "overall": made.payload["user_facing_scores"].get("overall"),
            "cost_usd": made.payload["api_costs"]["usd"],
            "session": str(made.session),
        }
        for made in report_history(lake, report.symbol, report.day)
    ]
    if as_json:
        print_json({"ticker": report.symbol, "date": str(report.day), "executions": rows})
    else:
        print_table(f"{report.symbol}, morning of {report.day}, oldest first", rows)


def _markdown(lake: "Lake", report: Report) -> str:
    """The file that the payload names; made from the payload where it is gone."""
    from stocks_pipeline.domain.reports.payload import markdown

    try:
        return lake.read(report.payload["markdown_key"]).decode()
    except KeyMissing:
        return markdown(report.payload)


def _path(lake: "Lake", report: Report, *files: str) -> str:
    """Where the first of these files that is there lies."""
    for name in files:
        if (key := report.payload[f"{name}_key"]) and lake.exists(key):
            return lake.uri(key)
    return "not stored"


def _first(text: str) -> str:
    return text.partition(";")[0]
