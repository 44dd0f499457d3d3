import os
import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.domain import listing
from stocks_pipeline.domain.listing import Company, ListingError, parse_asx_listing

REPO = Path(listing.__file__).resolve().parents[2]
PREAMBLE = b"""ASX listed companies as at Fri Dec 05 08:08:59 AEDT 2025

Company name,ASX code,GICS industry group
"1414 DEGREES LIMITED","14D","Capital Goods"
"BHP GROUP LIMITED","BHP","Materials"
"AUSTRALIAN, FOUNDATION ""A"" LIMITED","AFI","Not Applic"
"""
DIRECTORY = b"\r\n".join(
    [
        b'"ASX code","Company name","GICs industry group","Listing date","Market Cap"',
        b'"BHP","BHP GROUP LIMITED","Materials","13/08/1885",250000000000',
        b'"14D","1414 DEGREES LIMITED","Capital Goods","2018-09-12",SUSPENDED',
        b'"ABCDEF","SECOND LINE","Not Applic","",--',
        b'"ZZZ","LAST","Energy","2020-02-03",',
        b"",
    ]
)


def _many(rows: int) -> list[str]:
    lines = [f'"COMPANY {n}","A{n:03d}","Materials"' for n in range(rows)]
    return ["Company name,ASX code,GICS industry group", *lines]


def test_preamble_form() -> None:
    """The dated form yields its time in its own words, names with commas and quotes, and companies sorted by code."""
    found = parse_asx_listing(PREAMBLE)
    assert (found.form, found.as_at, found.problems) == ("preamble", "Fri Dec 05 08:08:59 AEDT 2025", ())
    assert found.companies == (
        Company("14D", "1414 DEGREES LIMITED", "Capital Goods"),
        Company("AFI", 'AUSTRALIAN, FOUNDATION "A" LIMITED', "Not Applic"),
        Company("BHP", "BHP GROUP LIMITED", "Materials"),
    )


def test_directory_form() -> None:
    """The directory has no preamble, CRLF, both date forms, codes of six, and numbers only where a number stands."""
    found = parse_asx_listing(DIRECTORY)
    assert (found.form, found.as_at, found.problems) == ("directory", None, ())
    assert found.companies == (
        Company("14D", "1414 DEGREES LIMITED", "Capital Goods", date(2018, 9, 12), None),
        Company("ABCDEF", "SECOND LINE", "Not Applic", None, None),
        Company("BHP", "BHP GROUP LIMITED", "Materials", date(1885, 8, 13), 250_000_000_000),
        Company("ZZZ", "LAST", "Energy", date(2020, 2, 3), None),
    )


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("body", [PREAMBLE, DIRECTORY])
def test_bom_and_line_ends_change_nothing(bom: bytes, newline: bytes, body: bytes) -> None:
    """BOM and CRLF or LF, in either form, give the same companies."""
    plain = body.replace(b"\r\n", b"\n")
    assert parse_asx_listing(bom + plain.replace(b"\n", newline)) == parse_asx_listing(plain)


@pytest.mark.parametrize(
    "header",
    [
        "Company name,ASX code,GICS industry group",
        "COMPANY NAME,asx CODE,GICs Industry Group",
        '"Company name" , "ASX  code" ,GICS industry group',
    ],
)
def test_header_spellings(header: str) -> None:
    """Case, quotes and stray spaces of the header do not matter."""
    found = parse_asx_listing(f"{header}\nBHP GROUP,BHP,Materials\n".encode())
    assert found.companies == (Company("BHP", "BHP GROUP", "Materials"),)


def test_columns_in_any_order_and_unknown_ones() -> None:
    """Columns are found by name; one that nobody knows is passed over; the industry may be absent."""
    found = parse_asx_listing(b"ISIN,ASX code,Company name\nAU000000BHP4,BHP,BHP GROUP\n")
    assert found.companies == (Company("BHP", "BHP GROUP", ""),)


def test_empty_listing_is_legal() -> None:
    """A header without rows is zero companies, not an error."""
    assert parse_asx_listing(b"Company name,ASX code,GICS industry group\n").companies == ()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty body"),
        (b" \r\n\r\n", "empty body"),
        (b"<!DOCTYPE html><html><body>Access Denied</body></html>", "HTML instead of CSV"),
        (b"\n\n  <html>\n<title>Just a moment...</title></html>", "HTML instead of CSV"),
        (b'{"error": "not found"}', "no header"),
        (b"\x1f\x8b\x08\x00binary" + bytes(range(256)), "no header"),
        (b"BHP GROUP,BHP,Materials\n" * 30, "no header"),
        (b"x" * 300_000, "no header"),
        (PREAMBLE[:-8], "line 6: cut off or badly quoted"),
        (PREAMBLE + b'"BHP GROUP LIMITED"', "line 7: cut off, 1 of 3 fields"),
        (PREAMBLE + b'"OTHER LIMITED","BHP","Materials"\n', "line 7: BHP is 'OTHER LIMITED', but before 'BHP GROUP"),
        (b"Company name,ASX code\nBHP GROUP,BHP\nWOODSIDE,WD", "line 3: cut off"),
    ],
)
def test_refused_with_the_reason(body: bytes, says: str) -> None:
    """What is no listing, or half of one, is refused in words that say why and where."""
    with pytest.raises(ListingError, match=re.escape(says)):
        parse_asx_listing(body)


@pytest.mark.parametrize("code", ["bhp", "BH", "BHPAXYZ", "BHP.AX", "../x", "", "BÉP", "BHP\x00"])
def test_bad_code_is_named_with_its_line(code: str) -> None:
    """A code that is none is refused with its line, when it is more than 1 % of the rows."""
    body = f"Company name,ASX code\nONE,ONE\nTWO,{code}\nTHREE,THR\n"
    with pytest.raises(ListingError, match=r"1 problems in 3 rows: line 3: .* is no ASX code"):
        parse_asx_listing(body.encode())


def test_one_bad_row_among_many_costs_only_itself() -> None:
    """One unreadable code in 500 is left out and reported; the others are listed."""
    lines = _many(500)
    lines[100] = '"BROKEN","no code","Materials"'
    found = parse_asx_listing("\n".join([*lines, ""]).encode())
    assert len(found.companies) == 499
    assert found.problems == ("line 101: 'no code' is no ASX code (3 to 6 capitals or digits)",)


def test_a_row_of_the_wrong_width_costs_only_itself() -> None:
    """An unquoted comma in one name of 500 is reported with its line; below it nothing is shifted."""
    lines = _many(500)
    lines[200] = "BROKEN, LIMITED,A199,Materials"
    found = parse_asx_listing("\n".join([*lines, ""]).encode())
    assert found.problems == ("line 201: 4 fields instead of 3",)
    assert found.companies[-1].code == "A499"


def test_a_changed_date_form_is_a_changed_file() -> None:
    """Dates unreadable on every row refuse the listing; unreadable on one of 200 they lose that date alone."""
    head = "ASX code,Company name,Listing date"
    body = [head, *(f"A{n:03d},NAME {n},2020-01-01" for n in range(200))]
    one = body.copy()
    one[5] = "A004,NAME 4,1 Jan 2020"
    found = parse_asx_listing("\n".join([*one, ""]).encode())
    assert (len(found.companies), found.companies[4].listed_on) == (200, None)
    assert "line 6: listing date '1 Jan 2020'" in found.problems[0]
    every = [head, *(f"A{n:03d},NAME {n},Jan 1 2020" for n in range(200))]
    with pytest.raises(ListingError, match="200 problems in 200 rows"):
        parse_asx_listing("\n".join([*every, ""]).encode())


def test_one_code_with_two_names_is_never_believed() -> None:
    """Among 500 good rows, one code that names two companies still refuses the listing."""
    lines = _many(500)
    lines[300] = '"SOMEBODY ELSE","A007","Materials"'
    with pytest.raises(ListingError, match="line 301: A007 is 'SOMEBODY ELSE', but before 'COMPANY 7'"):
        parse_asx_listing("\n".join([*lines, ""]).encode())


def test_problems_are_bounded() -> None:
    """A file of 10,000 bad rows spells out 50 and counts the rest."""
    body = "Company name,ASX code\n" + "NAME,bad code\n" * 10_000
    with pytest.raises(ListingError) as caught:
        parse_asx_listing(body.encode())
    assert str(caught.value).count("is no ASX code") == 50
    assert "and 9950 more" in str(caught.value)
    assert len(str(caught.value)) < 6_000


def test_the_same_company_twice_is_kept_once_and_reported() -> None:
    """A repeated row is harmless but told."""
    lines = _many(200)
    found = parse_asx_listing("\n".join([*lines, lines[7], ""]).encode())
    assert len(found.companies) == 200
    assert found.problems == ("line 202: A006 appears again",)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("250000", 250_000),
        ('"1,250,000"', 1_250_000),
        ("SUSPENDED", None),
        ("--", None),
        ("", None),
        ("suspended", None),
    ],
)
def test_market_cap(text: str, value: int | None) -> None:
    """A market capitalisation is a whole number or missing, never zero by default."""
    found = parse_asx_listing(f"ASX code,Company name,Market Cap\nBHP,BHP GROUP,{text}\n".encode())
    assert found.companies[0].market_cap == value


def test_a_number_that_may_be_cut_is_missing() -> None:
    """A body that ends inside an unquoted number keeps the company and drops the number."""
    body = b"ASX code,Company name,Market Cap\nAAA,A,5000\nBHP,BHP GROUP,2500"
    assert [company.market_cap for company in parse_asx_listing(body).companies] == [5000, None]


def test_windows_bytes_in_a_name_do_not_cost_the_day() -> None:
    """A name in Windows-1252 is read as such; control characters and odd spaces are taken out of names."""
    found = parse_asx_listing("Company name,ASX code\nCAFÉ\x07\xa0 LTD,CAF\n".encode("cp1252"))
    assert found.companies == (Company("CAF", "CAFÉ LTD", ""),)


@given(st.sampled_from([PREAMBLE, DIRECTORY]), st.data())
def test_no_truncation_makes_up_a_company(body: bytes, data: st.DataObject) -> None:
    """Cut anywhere, a listing is refused or holds only companies, names and numbers of the whole one."""
    whole = {company.code: company for company in parse_asx_listing(body).companies}
    try:
        found = parse_asx_listing(body[: data.draw(st.integers(0, len(body)))])
    except ListingError:
        return
    for company in found.companies:
        assert company.name == whole[company.code].name
        assert company.market_cap in {None, whole[company.code].market_cap}


@given(st.binary(max_size=400))
def test_any_bytes_are_parsed_or_refused(body: bytes) -> None:
    """No body raises anything but ListingError, with or without a header before it."""
    for candidate in (body, b"Company name,ASX code,Listing date,Market Cap\n" + body):
        try:
            parse_asx_listing(candidate)
        except ListingError:
            continue


@pytest.mark.parametrize(("day", "count"), [("2025-04-02", 2031), ("2025-12-05", 1985)])
def test_the_exchanges_own_files(day: str, count: int) -> None:
    """Two real listings parse whole, without a problem, sorted and unique (needs the shared data)."""
    folder = Path(os.environ.get("STOCKS_SHARED_DATA", REPO.parent / "shared" / "data"))
    path = folder / "asx_listed" / f"ASXListedCompanies_{day}.csv"
    if not path.exists():
        pytest.skip("no shared data here")
    found = parse_asx_listing(path.read_bytes())
    codes = [company.code for company in found.companies]
    assert (len(codes), found.problems, found.form) == (count, (), "preamble")
    assert codes == sorted(set(codes))
    assert Company("BHP", "BHP GROUP LIMITED", "Materials") in found.companies
