"""Reads what the ASX says it lists, in either form in which it is served.

What belongs here: the parser and the companies it yields. What does not: our own CSV and the batches (symbols.py), and
whether the number of companies is believable (listing_plausible in price_rules.py).

Sources of the format: https://www.asx.com.au/asx/research/ASXListedCompanies.csv (a dated preamble, three columns) and
the company directory's file (no preamble; adds "Listing date" and "Market Cap"). Standard library only.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

MAX_PROBLEMS = 50
"""How many problems a message or a listing spells out; the rest is counted."""
MAX_BAD_SHARE = 0.01
"""Above this share of rows with a problem the form has changed, and the whole file is refused."""

_CODE = re.compile(r"[A-Z0-9]{3,6}")
_AS_AT = re.compile(r"\bas at\s+(.+?)\s*$", re.IGNORECASE)
_CAP = re.compile(r"[0-9]{1,3}(,[0-9]{3})+|[0-9]+")
_NO_CAP = {"", "--", "-", "SUSPENDED", "N/A"}
# Lower-case header names, as seen on the wire and in readers of it, and what we call them.
_HEADER = {
    "asx code": "code",
    "company name": "name",
    "gics industry group": "industry",
    "listing date": "listed_on",
    "market cap": "market_cap",
}
_HTML = ("<!doctype", "<html", "<head", "<body")
_HEADER_WITHIN = 20  # lines; the preamble has two


class ListingError(ValueError):
    """A body that is no listing; the message says why and on which lines."""


@dataclass(frozen=True)
class Company:
    """One listed company. `market_cap` is whole AUD; None where the exchange gives none (or says SUSPENDED)."""

    code: str
    name: str
    industry: str
    listed_on: date | None = None
    market_cap: int | None = None


@dataclass(frozen=True)
class Listing:
    """What an exchange lists, sorted by code.

    `as_at` is the preamble's own time, in its words; `form` says whether there was one. `problems` are rows that could
    not be read, or read in part, each with its line: few enough that the rest is still believed.
    """

    companies: tuple[Company, ...]
    as_at: str | None
    form: Literal["preamble", "directory"]
    problems: tuple[str, ...] = ()


@dataclass
class _Row:
    line: int
    cells: dict[str, str]
    cut: bool


def parse_asx_listing(body: bytes) -> Listing:
    """The companies in the body, whichever form it has: BOM or none, CRLF or LF, columns in any order and case.

    A header without rows is an empty listing, which is legal. A row with an unreadable code or name is left out, one
    with an unreadable date or market capitalisation loses that value; both are reported in `problems`.

    Raises:
        ListingError: empty, HTML (a bot wall), no header, cut off, one code with two names, or problems in more than
            1 % of the rows.
    """
    text = _decode(body)
    lines = list(io.StringIO(text, newline=""))  # the csv module's own idea of a line, so that numbers agree
    start, columns = _find_header(lines)
    preamble = [line.strip() for line in lines[:start] if line.strip()]
    as_at = next((match[1] for line in preamble if (match := _AS_AT.search(line))), None)
    problems: list[str] = []
    companies: dict[str, Company] = {}
    rows = 0
    for row in _rows(lines[start + 1 :], columns, start + 1, problems):
        rows += 1
        company = _company(row, problems)
        if company is None:
            continue
        known = companies.setdefault(company.code, company)
        if known.name != company.name:
            raise ListingError(f"line {row.line}: {company.code} is {company.name!r}, but before {known.name!r}")
        if known is not company:
            problems.append(f"line {row.line}: {company.code} appears again")
    if len(problems) > MAX_BAD_SHARE * rows:
        raise ListingError(f"{len(problems)} problems in {rows} rows: {_bounded(problems)}")
    ordered = tuple(companies[code] for code in sorted(companies))
    return Listing(ordered, as_at, "preamble" if preamble else "directory", tuple(problems[:MAX_PROBLEMS]))


def _decode(body: bytes) -> str:
    if not body.strip():
        raise ListingError("empty body")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        # One accented name from an old Windows export must not cost the day; names are labels, codes are ASCII.
        text = body.decode("cp1252", errors="replace")
    head = text[:2000].lstrip().lower()
    if head.startswith("<") or any(tag in head for tag in _HTML):
        raise ListingError("HTML instead of CSV: a bot wall or a page that moved")
    return text


def _find_header(lines: list[str]) -> tuple[int, list[str]]:
    for number, line in enumerate(lines[:_HEADER_WITHIN]):
        cells = [" ".join(cell.lower().split()) for cell in next(csv.reader([line[:2000]], skipinitialspace=True), [])]
        columns = [_HEADER.get(cell, cell) for cell in cells]
        if "code" in columns and "name" in columns:
            return number, columns
    raise ListingError(f'no header with "ASX code" and "Company name" in the first {_HEADER_WITHIN} lines')


def _rows(lines: list[str], columns: list[str], before: int, problems: list[str]) -> Iterator[_Row]:
    """The rows below the header, blank lines skipped; one of the wrong width is a problem, as the last one a cut."""
    reader = csv.reader(lines, strict=True)
    # A last line without an end is whole only if its last field is quoted and closed.
    open_ended = bool(lines) and not lines[-1].endswith(("\n", "\r", '"'))
    try:
        for cells in reader:
            line = before + reader.line_num
            at_end = reader.line_num == len(lines)
            if not any(cell.strip() for cell in cells):
                continue
            short = len(cells) != len(columns)
            if at_end and (short or (open_ended and columns[-1] in {"code", "name"})):
                raise ListingError(f"line {line}: cut off, {len(cells)} of {len(columns)} fields")
            if not short:
                yield _Row(line, dict(zip(columns, cells, strict=True)), cut=at_end and open_ended)
            else:
                problems.append(f"line {line}: {len(cells)} fields instead of {len(columns)}")
    except csv.Error as error:
        raise ListingError(f"line {before + reader.line_num}: cut off or badly quoted ({error})") from error


def _company(row: _Row, problems: list[str]) -> Company | None:
    code = row.cells["code"].strip()
    name = _clean(row.cells["name"])
    if not _CODE.fullmatch(code):
        problems.append(f"line {row.line}: {code[:20]!r} is no ASX code (3 to 6 capitals or digits)")
        return None
    if not name:
        problems.append(f"line {row.line}: {code} has no name")
        return None
    listed_on = _date(row, problems)
    return Company(code, name, _clean(row.cells.get("industry", "")), listed_on, _market_cap(row, problems))


def _date(row: _Row, problems: list[str]) -> date | None:
    text = row.cells.get("listed_on", "").strip()
    if not text or text == "--":
        return None
    for form in ("%d/%m/%Y", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007  # a calendar date has no time zone
        except ValueError:
            continue
    problems.append(f"line {row.line}: listing date {text[:20]!r} is neither DD/MM/YYYY nor YYYY-MM-DD")
    return None


def _market_cap(row: _Row, problems: list[str]) -> int | None:
    text = row.cells.get("market_cap", "").strip()
    if text.upper() in _NO_CAP:
        return None
    if not _CAP.fullmatch(text):
        problems.append(f"line {row.line}: market cap {text[:20]!r} is no whole number")
        return None
    # The number at the end of a line that does not end may have lost digits: missing, not wrong.
    return None if row.cut else int(text.replace(",", ""))


def _clean(text: str) -> str:
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def _bounded(problems: list[str]) -> str:
    more = len(problems) - MAX_PROBLEMS
    return "; ".join(problems[:MAX_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")
