"""Who is listed on the simulated ASX, and since when and until when.

What belongs here: the generated register of companies. What does not: the listing files on the wire (asx.py) and
prices (walk.py). A few large companies bear their real code and name, so that a demo shows something familiar; what
is said about them is invented all the same.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from stocks_pipeline.sandbox.chance import number

EPOCH = date(2018, 1, 1)
_END = date(2040, 1, 1)
_TURNOVER = 0.05  # share of the companies that leave, and that arrive, in a year
_NO_CAP = ("SUSPENDED", "SUSPENDED", "--", "")
_CAPPED = 25  # one in so many of the companies has one of the texts above instead of a number
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_INDUSTRIES = (
    ("Materials", 0.38), ("Energy", 0.07), ("Not Applic", 0.07), ("Software & Services", 0.07),
    ("Financial Services", 0.06), ("Pharmaceuticals, Biotechnology & Life Sciences", 0.06),
    ("Health Care Equipment & Services", 0.05), ("Capital Goods", 0.05), ("Commercial & Professional Services", 0.04),
    ("Equity Real Estate Investment Trusts (REITs)", 0.03), ("Consumer Services", 0.03), ("Class Pend", 0.01),
    ("Food, Beverage & Tobacco", 0.02), ("Media & Entertainment", 0.02), ("Banks", 0.01), ("Utilities", 0.01),
    ("Consumer Discretionary Distribution & Retail", 0.02),
)  # fmt: skip
_FIRST = (
    "Adelaide", "Alpine", "Arafura", "Argent", "Aurora", "Austral", "Banksia", "Barrier", "Bluegum", "Boab",
    "Border", "Carbine", "Cascade", "Castle", "Coral", "Cygnet", "Darling", "Delta", "Dingo", "Emu", "Falcon",
    "Fitzroy", "Flinders", "Galah", "Gascoyne", "Gibb", "Golden", "Hawk", "Helix", "Horizon", "Ironbark", "Jarrah",
    "Kakadu", "Karri", "Kestrel", "Kimberley", "Lachlan", "Lyrebird", "Mallee", "Meridian", "Merino", "Mulga",
    "Murray", "Nova", "Nullarbor", "Orion", "Outback", "Pilbara", "Platypus", "Quoll", "Redgum", "Rivergum",
    "Saltbush", "Solaris", "Spinifex", "Tasman", "Terra", "Titan", "Torrens", "Vanguard", "Vela", "Wallaby",
    "Wandoo", "Waratah", "Wattle", "Wombat", "Yarra", "Zenith",
)  # fmt: skip
_SECOND = {
    "Materials": ("Gold", "Lithium", "Copper", "Minerals", "Metals", "Resources", "Nickel", "Mining", "Iron"),
    "Energy": ("Oil & Gas", "Energy", "Petroleum", "Uranium", "Hydrogen"),
    "Not Applic": ("Investment", "Global Fund", "Income Trust", "Opportunities"),
    "Software & Services": ("Digital", "Data", "Software", "Technologies", "Cloud"),
    "Pharmaceuticals, Biotechnology & Life Sciences": ("Biotech", "Therapeutics", "Pharma", "Genomics"),
    "Health Care Equipment & Services": ("Medical", "Health", "Diagnostics", "Imaging"),
    "Banks": ("Bank", "Mutual Bank"),
}
_OTHER = ("Group", "Holdings", "Partners", "Industries", "Corporation", "Services", "Capital", "Brands", "Logistics")
_LAST = (" LIMITED", " LTD", " LIMITED", " NL", " GROUP LIMITED", " HOLDINGS LIMITED")
FAMILIAR = {
    "BHP": ("BHP GROUP LIMITED", "Materials", date(1885, 8, 13)),
    "CBA": ("COMMONWEALTH BANK OF AUSTRALIA.", "Banks", date(1991, 9, 12)),
    "CSL": ("CSL LIMITED", "Pharmaceuticals, Biotechnology & Life Sciences", date(1994, 6, 8)),
    "NAB": ("NATIONAL AUSTRALIA BANK LIMITED", "Banks", date(1974, 1, 31)),
    "WBC": ("WESTPAC BANKING CORPORATION", "Banks", date(1970, 7, 18)),
    "ANZ": ("ANZ GROUP HOLDINGS LIMITED", "Banks", date(1969, 9, 30)),
    "WES": ("WESFARMERS LIMITED", "Consumer Discretionary Distribution & Retail", date(1984, 11, 15)),
    "RIO": ("RIO TINTO LIMITED", "Materials", date(1962, 1, 18)),
    "TLS": ("TELSTRA GROUP LIMITED", "Telecommunication Services", date(1997, 11, 17)),
    "WOW": ("WOOLWORTHS GROUP LIMITED", "Consumer Staples Distribution & Retail", date(1993, 7, 12)),
}


@dataclass(frozen=True)
class ListedCompany:
    """One company of the register; it is listed on days from `listed_on` up to, not including, `delisted_on`.

    `market_cap` is in AUD, or the text that the exchange writes instead of a number.
    """

    code: str
    name: str
    industry: str
    listed_on: date
    delisted_on: date | None
    market_cap: int | str

    def is_listed(self, day: date) -> bool:
        return self.listed_on <= day and (self.delisted_on is None or day < self.delisted_on)


def register(seed: int, companies: int) -> dict[str, ListedCompany]:
    """Every company that is ever listed, by code; on any day from 2018 to 2039 about `companies` of them are."""
    draw = np.random.default_rng(number(seed, "register"))
    found = {code: ListedCompany(code, *facts, None, 50_000_000_000) for code, facts in FAMILIAR.items()}
    names = {company.name for company in found.values()}
    years = (_END - EPOCH).days / 365.25
    founders = max(0, companies - len(found))
    newcomers = int(companies * _TURNOVER * years)
    for at in range(founders + newcomers):
        back = float(draw.uniform(0.0, 30.0)) if at < founders else -float(draw.uniform(0.0, years))
        listed_on = _weekday(EPOCH - timedelta(days=1 + int(back * 365.25)))
        since = max(listed_on, EPOCH)
        leaves = _weekday(since + timedelta(days=30 + int(draw.exponential(1.0 / _TURNOVER) * 365.25)))
        company = _company(draw, set(found), names, listed_on, leaves if leaves < _END else None)
        found[company.code] = company
        names.add(company.name)
    return found


def listed(companies: dict[str, ListedCompany], day: date) -> list[ListedCompany]:
    """The companies of one day, by name, as the exchange sorts them."""
    return sorted(
        (company for company in companies.values() if company.is_listed(day)), key=lambda company: company.name
    )


def _company(
    draw: np.random.Generator, codes: set[str], names: set[str], listed_on: date, delisted_on: date | None
) -> ListedCompany:
    kinds = [kind for kind, _ in _INDUSTRIES]
    weights = np.array([weight for _, weight in _INDUSTRIES])
    industry = kinds[int(draw.choice(len(kinds), p=weights / weights.sum()))]
    name = _name(draw, industry)
    while name in names:
        name = _name(draw, industry)
    code = _code(draw, name)
    while code in codes:
        code = _code(draw, name)
    worth = int(np.exp(draw.normal(17.5, 2.0)))
    unusual = int(draw.integers(len(_NO_CAP) * _CAPPED))
    cap: int | str = _NO_CAP[unusual] if unusual < len(_NO_CAP) else worth
    return ListedCompany(code, name, industry, listed_on, delisted_on, cap)


def _name(draw: np.random.Generator, industry: str) -> str:
    first = _FIRST[int(draw.integers(len(_FIRST)))]
    if draw.integers(2):
        first += " " + _FIRST[int(draw.integers(len(_FIRST)))]
    second = _SECOND.get(industry, _OTHER)
    return f"{first} {second[int(draw.integers(len(second)))]}{_LAST[int(draw.integers(len(_LAST)))]}".upper()


def _code(draw: np.random.Generator, name: str) -> str:
    """Three characters that begin like the name, now and then with a digit, as in 14D and 3PL."""
    code = name[0] + "".join(_LETTERS[int(n)] for n in draw.integers(len(_LETTERS), size=2))
    if draw.integers(12) == 0:
        at = int(draw.integers(3))
        code = code[:at] + str(int(draw.integers(1, 10))) + code[at + 1 :]
    return code


def _weekday(day: date) -> date:
    """The day, or the Monday after it."""
    return day + timedelta(days=(0, 0, 0, 0, 0, 2, 1)[day.weekday()])
