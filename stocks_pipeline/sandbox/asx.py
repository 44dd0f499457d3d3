"""The ASX's list of companies, in both forms that it is published in.

What belongs here: the two files on the wire and the ways real ones differ. What does not: which companies there are
(companies.py, replay.py). Formats: a recorded file of 2025-12-05 for the one with a preamble; for the directory, the
readers that others publish.
"""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from starlette.responses import Response
from starlette.routing import Route

from stocks_pipeline.sandbox.companies import ListedCompany
from stocks_pipeline.sandbox.exchanges import ASX
from stocks_pipeline.sandbox.faults import Fault
from stocks_pipeline.sandbox.world import Call, World

HOSTS = ("www.asx.com.au", "asx.api.markitdigital.com")
_WALL = "<!DOCTYPE html><html><head><title>Access Denied</title></head><body><h1>Access Denied</h1></body></html>"
_PUBLISHED = time(8, 8, 59)
_BOM = b"\xef\xbb\xbf"


def routes(world: World) -> list[Route]:
    """The file with the preamble and the directory's file."""
    return [
        world.route("/asx/research/ASXListedCompanies.csv", "listing", lambda call: _listing(world, call)),
        world.route("/asx-research/1.0/companies/directory/file", "directory", lambda call: _directory(world, call)),
    ]


def _listing(world: World, call: Call) -> Response:
    failure = _failure(call)
    if failure is not None:
        return failure
    day = ASX.day_of(world.now(ASX))
    recorded = world.market.listing_file(day)
    body = preamble_form(world.market.companies(day), day) if recorded is None else recorded
    return Response(spoil_file(body, call.faults), media_type="text/csv")


def _directory(world: World, call: Call) -> Response:
    failure = _failure(call)
    if failure is not None:
        return failure
    body = directory_form(world.market.companies(ASX.day_of(world.now(ASX))))
    headers = {"content-disposition": "attachment; filename=ASX_Listed_Companies.csv"}
    return Response(spoil_file(body, call.faults), headers=headers, media_type="text/csv")


def preamble_form(companies: list[ListedCompany], day: date) -> bytes:
    """`ASXListedCompanies.csv`: a line of when, an empty line, three columns; LF, sorted by name."""
    at = datetime.combine(day, _PUBLISHED, ZoneInfo(ASX.tz))
    lines = [
        f"ASX listed companies as at {at:%a %b %d %H:%M:%S %Z %Y}",
        "",
        "Company name,ASX code,GICS industry group",
    ]
    lines += [f'"{company.name}","{company.code}","{company.industry}"' for company in companies]
    return "".join(f"{line}\n" for line in lines).encode()


def directory_form(companies: list[ListedCompany]) -> bytes:
    """The directory's file: no preamble, five columns, dates as day/month/year, CRLF."""
    lines = ['"ASX code","Company name","GICs industry group","Listing date","Market Cap"']
    for company in sorted(companies, key=lambda company: company.code):
        cap = company.market_cap if isinstance(company.market_cap, int) else f'"{company.market_cap}"'
        facts = f'"{company.code}","{company.name}","{company.industry}","{company.listed_on:%d/%m/%Y}"'
        lines.append(f"{facts},{cap}")
    return "".join(f"{line}\r\n" for line in lines).encode()


def spoil_file(body: bytes, faults: list[Fault]) -> bytes:
    """The file with the peculiarities that the faults name, in their order."""
    for fault in faults:
        if fault.name == "bom":
            body = _BOM + body
        elif fault.name == "crlf":
            body = body.replace(b"\r\n", b"\n") if b"\r\n" in body else body.replace(b"\n", b"\r\n")
        elif fault.name == "header":
            body = _other_header(body)
        elif fault.name in ("truncated", "malformed"):
            body = _cut(body)
        elif fault.name == "empty":
            body = b""
    return body


def _other_header(body: bytes) -> bytes:
    if b"GICS industry group" in body:
        return body.replace(b"GICS industry group", b"GICs industry group", 1)
    return body.replace(b"GICs industry group", b"GICS industry group", 1)


def _cut(body: bytes) -> bytes:
    """The first half, ending inside a quoted field: three bytes after the line's start."""
    line = body.rfind(b"\n", 0, len(body) // 2)
    return body[: line + 4]


def _failure(call: Call) -> Response | None:
    fault = call.fault("429", "500", "html", "unknown")
    if fault is None:
        return None
    if fault.name == "429":
        after = fault.param("retry_after", 0)
        return Response("Too Many Requests", 429, {"retry-after": f"{after:g}"} if after else {}, "text/plain")
    status = {"500": 500, "html": 403, "unknown": 404}[fault.name]
    return Response(_WALL, int(fault.param("status", status)), media_type="text/html")
