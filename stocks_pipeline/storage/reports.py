"""The morning reports as people and bots read them: the newest of a ticker, that of a day, those of all executions.

What belongs here: finding a stored report, reading it, and saying what is there instead. What does not: what a report
holds (domain/reports/payload.py) and SQL over many of them (views.sql).

There is no index that could be wrong: the newest mornings are tried one by one, after one listing of the folders.
So a report is found as soon as it is stored, whatever order the mornings were written in.
"""

import base64
import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from stocks_pipeline.storage import layout
from stocks_pipeline.storage.dr_keys import REPORTS, parse_report_key, report_history_prefix, reports_prefix
from stocks_pipeline.storage.lake import KeyMissing, Lake, LakeError

CHART: Final = "chart_base64"


class NoReport(LookupError):  # noqa: N818 - what happened, not a fault of the program
    """No report is stored for what was asked; the message names what is."""


@dataclass(frozen=True)
class Report:
    """One stored report. `payload` is the JSON that `domain.reports.payload` describes, without the chart."""

    symbol: str
    """Name of the depositary receipt: NVDA19."""
    day: date
    """The morning it was written for, a day in Bangkok."""
    payload: Mapping[str, Any]
    _chart: str = field(repr=False)

    @property
    def text(self) -> str:
        """The report itself, as Markdown."""
        return str(self.payload["narrative_report"])

    @property
    def stance(self) -> str:
        """BUY, SELL or HOLD."""
        return str(self.payload["stance"])

    @property
    def session(self) -> date:
        """The trading session it is about, on the exchange's own calendar."""
        return date.fromisoformat(self.payload["session"])

    @property
    def generated_at(self) -> datetime:
        """When it was written, aware, in UTC."""
        return datetime.fromisoformat(self.payload["generated_at"])

    def chart_png(self) -> bytes:
        """The price chart of this very report, as a PNG."""
        return base64.b64decode(self._chart)


def get_report(lake: Lake, symbol: str, day: date | str | None = None) -> Report:
    """The report of one morning, without a day the newest there is.

    Args:
        lake: where reports lie.
        symbol: the receipt's name, or Yahoo's name of the share behind it; any case.
        day: the morning, a day in Bangkok.

    Raises:
        NoReport: there is none; the message names the nearest that is there.
        ValueError: a bad date.
        LakeError: the lake cannot be reached or the file is damaged.
    """
    name = symbol.strip().upper()
    days = _mornings(lake) if day is None else [_day(day)]
    for number, morning in enumerate(days):
        found = _read(lake, name, morning)
        if found is None and number == 0:  # the list of names is only worth reading when the first look failed
            name = _receipt(lake, name)
            found = _read(lake, name, morning)
        if found is not None:
            return found
    raise _nothing(lake, name, None if day is None else days[0])


def list_reports(lake: Lake, day: date | str | None = None) -> list[str]:
    """Receipts with a report of that morning (the newest without one), sorted. Raises as `get_report` does."""
    if day is None:
        for morning in _mornings(lake):
            if found := _names(lake, morning):
                return found
        raise _nothing(lake, None, None)
    return _names(lake, _day(day))


def report_history(lake: Lake, symbol: str, day: date | str) -> list[Report]:
    """The report of each execution of one morning, oldest first; empty where there is none.

    Raises:
        ValueError: a bad date.
        LakeError: the lake cannot be reached or a file is damaged.
    """
    morning, name = _day(day), symbol.strip().upper()
    keys = _payloads(lake, report_history_prefix(morning, name))
    if not keys and (receipt := _receipt(lake, name)) != name:
        name, keys = receipt, _payloads(lake, report_history_prefix(morning, receipt))
    reports = [_parsed(lake, key, name, morning, lake.read(key)) for key in keys]
    return sorted(reports, key=lambda report: report.generated_at)


def _mornings(lake: Lake) -> list[date]:
    """Mornings with a folder of reports, newest first."""
    return sorted(_dates(lake.folders(REPORTS)), reverse=True)


def _dates(names: Iterable[str]) -> Iterator[date]:
    for name in names:
        try:
            yield date.fromisoformat(name)
        except ValueError:
            continue  # no folder of ours


def _names(lake: Lake, morning: date) -> list[str]:
    return sorted(parse_report_key(key).name for key in _payloads(lake, reports_prefix(morning)))


def _payloads(lake: Lake, prefix: str) -> list[str]:
    return [key for key in lake.list(prefix) if key.endswith(".json")]


def _read(lake: Lake, name: str, morning: date) -> Report | None:
    key = layout.report_key(morning, name)
    try:
        return _parsed(lake, key, name, morning, lake.read(key))
    except KeyMissing:
        return None


def _parsed(lake: Lake, key: str, name: str, morning: date, body: bytes) -> Report:
    try:
        payload = json.loads(body)
        report = Report(name, morning, payload, payload.pop(CHART))
        _ = report.generated_at, report.session, report.text, report.stance
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        again = f"materialize dr/ticker_reports for {name} on {morning} again"
        raise LakeError(f"{lake.uri(key)} is not a readable report ({error!r}): {again}") from error
    return report


def _listed(lake: Lake) -> dict[str, str]:
    """Every known name in upper case, receipts' and Yahoo's, with its receipt; nothing if no list is stored."""
    from stocks_pipeline.storage.tables import read_table

    try:
        rows = read_table(lake, layout.ticker_master_key()).select(["dr_symbol", "yahoo_symbol"]).to_pylist()
    except KeyMissing:
        return {}
    yahoo = {row["yahoo_symbol"].upper(): row["dr_symbol"] for row in rows}
    return yahoo | {row["dr_symbol"].upper(): row["dr_symbol"] for row in rows}


def _receipt(lake: Lake, name: str) -> str:
    """The receipt behind either of its names; the name itself if nobody knows it."""
    return _listed(lake).get(name, name)


def _nothing(lake: Lake, name: str | None, morning: date | None) -> NoReport:
    """The error for an empty answer: what was asked, and the nearest that is there."""
    days = _mornings(lake)
    what = f"no report{f' of {name}' if name else ''}{f' for {morning}' if morning else ''}"
    if not days:
        return NoReport(f"{what} in {lake.root}: `dr_fetch` and then `dr_reports` write a morning")
    listed = _listed(lake)
    if name and listed and name not in listed:
        near = ", ".join(dict.fromkeys(listed[n] for n in difflib.get_close_matches(name, listed, 3)))
        return NoReport(f"{what}: no ticker is called so{f'; did you mean {near}?' if near else ''}")
    have = [day for day in days if name and lake.exists(layout.report_key(day, name))][:3]
    if have:
        return NoReport(f"{what}: its newest are of {', '.join(map(str, have))}")
    wanted = morning or days[0]
    if name and wanted == days[0]:
        stored = lake.exists(layout.ticker_data_key(wanted, name))
        why = "its data are stored, its report is not" if stored else "none of its data are stored"
        return NoReport(f"{what}: the morning of {wanted} has others; {why}")
    return NoReport(f"{what}: the newest morning is {days[0]}")


def _day(day: date | str) -> date:
    if isinstance(day, datetime):
        raise ValueError(f"a morning is a date, not an instant: {day!r}")  # noqa: TRY004 - one error for bad dates
    if isinstance(day, date):
        return day
    try:
        return date.fromisoformat(day)
    except ValueError as error:
        raise ValueError(f"{day!r} is not a date: write YYYY-MM-DD") from error
