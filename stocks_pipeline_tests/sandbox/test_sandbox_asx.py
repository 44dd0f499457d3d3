"""The ASX as the sandbox plays it: both listing files, and what goes wrong with them."""

import csv
from datetime import date

import pytest

from stocks_pipeline_tests.sandbox_server import SandboxServer

LISTING = ("/asx/research/ASXListedCompanies.csv", "www.asx.com.au")
DIRECTORY = ("/asx-research/1.0/companies/directory/file", "asx.api.markitdigital.com")


def file(server: SandboxServer, which: tuple[str, str]) -> bytes:
    status, headers, body = server.get(*which)
    assert status == 200
    assert headers["content-type"].startswith("text/csv")
    return body


def test_the_listing_has_a_preamble_and_three_columns(sandbox: SandboxServer) -> None:
    """LF, no byte-order mark, the date of the world with its zone, quoted cells, sorted by name."""
    body = file(sandbox, LISTING)
    lines = body.decode().split("\n")
    assert lines[0] == "ASX listed companies as at Fri Nov 20 08:08:59 AEDT 2026"
    assert lines[1] == ""
    assert lines[2] == "Company name,ASX code,GICS industry group"
    rows = list(csv.reader(lines[3:-1]))
    assert b"\r" not in body
    assert 1850 < len(rows) < 2150
    assert all(len(row) == 3 for row in rows)
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert ["BHP GROUP LIMITED", "BHP", "Materials"] in rows


def test_the_zone_of_the_preamble_follows_daylight_saving(sandbox: SandboxServer) -> None:
    """AEST in winter."""
    sandbox.today(date(2026, 7, 1))
    assert file(sandbox, LISTING).startswith(b"ASX listed companies as at Wed Jul 01 08:08:59 AEST 2026\n")


def test_the_directory_has_five_columns_and_no_preamble(sandbox: SandboxServer) -> None:
    """CRLF, the other header spelling, dates as day/month/year, market values as numbers or as words."""
    body = file(sandbox, DIRECTORY)
    lines = body.decode().split("\r\n")
    assert lines[0] == '"ASX code","Company name","GICs industry group","Listing date","Market Cap"'
    rows = list(csv.reader(lines[1:-1]))
    assert ["BHP", "BHP GROUP LIMITED", "Materials", "13/08/1885", "50000000000"] in rows
    caps = {row[4] for row in rows if not row[4].isdigit()}
    assert caps == {"SUSPENDED", "--", ""}


def test_both_files_list_the_same_companies(sandbox: SandboxServer) -> None:
    """One register behind both."""
    listing = {row[1] for row in csv.reader(file(sandbox, LISTING).decode().splitlines()[3:])}
    directory = {row[0] for row in csv.reader(file(sandbox, DIRECTORY).decode().splitlines()[1:])}
    assert listing == directory


def test_companies_come_and_go(sandbox: SandboxServer) -> None:
    """A month later some have left and some have arrived, most are the same."""
    now = set(file(sandbox, LISTING).split(b"\n")[3:])
    sandbox.today(date(2026, 10, 20))
    before = set(file(sandbox, LISTING).split(b"\n")[3:])
    assert now - before
    assert before - now
    assert len(now ^ before) < 60


@pytest.mark.parametrize("which", [LISTING, DIRECTORY], ids=["listing", "directory"])
def test_the_peculiarities_of_real_files(sandbox: SandboxServer, which: tuple[str, str]) -> None:
    """bom, crlf, header, truncated: each changes what it says and leaves the rest."""
    healthy = file(sandbox, which)

    def spoilt(name: str) -> bytes:
        sandbox.clear_faults()
        sandbox.fault(name)
        return file(sandbox, which)

    assert spoilt("bom") == b"\xef\xbb\xbf" + healthy
    crlf = spoilt("crlf")
    assert crlf != healthy
    assert crlf.replace(b"\r\n", b"\n") == healthy.replace(b"\r\n", b"\n")
    header = spoilt("header")
    assert header.lower() == healthy.lower()
    assert header != healthy
    cut = spoilt("truncated")
    assert healthy.startswith(cut)
    assert 0.4 < len(cut) / len(healthy) < 0.6
    assert cut.rsplit(b"\n", 1)[1].count(b'"') % 2 == 1


def test_the_bot_wall_is_a_403_with_a_page(sandbox: SandboxServer) -> None:
    """And the other failures have their own status; faults of charts leave the listing alone."""
    sandbox.fault("500")
    assert sandbox.get(*LISTING)[0] == 200
    for name, expected in (("html", 403), ("429", 429), ("500", 500), ("unknown", 404)):
        sandbox.clear_faults()
        sandbox.fault(name, endpoint="listing")
        assert sandbox.get(*LISTING)[0] == expected
        assert sandbox.get(*DIRECTORY)[0] == 200
    sandbox.clear_faults()
    sandbox.fault("empty", endpoint="listing")
    assert file(sandbox, LISTING) == b""
