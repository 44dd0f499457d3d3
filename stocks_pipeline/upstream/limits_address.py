"""The address of the database that several machines share for their limits, read without showing its password.

What belongs here: what such an address may look like, and what of it may be shown. What does not: connecting
(shared_postgres.py) and the setting that holds it (settings.py). Whoever else reads a wrong address quotes the piece
that it stumbled over, which is the password where that holds a character with a meaning: so it is read here first.
"""

import re
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

SCHEMES: Final = ("postgresql", "postgres")
UNREADABLE: Final = (
    "STOCKS_LIMITS_URL is no usable address; valid: postgresql://user:password@host:port/database, in a password "
    "@ as %40, : as %3A, / as %2F, # as %23, % as %25, a blank as %20"
)
_STRAY: Final = re.compile(r"%(?![0-9A-Fa-f]{2})|%00|[\s#\x00]")


def where(url: str) -> str:
    """The address as errors may show it: host, port and database.

    Raises:
        ValueError: it is no such address, or only by accident; the message is `UNREADABLE`, without a cause.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or 5432
        parse_qsl(parts.query, strict_parsing=bool(parts.query))
        unquote(url, errors="strict")
    except ValueError:
        raise ValueError(UNREADABLE) from None
    beyond = f"{parts.path}{parts.query}"
    if parts.scheme not in SCHEMES or _STRAY.search(url) or parts.netloc.count("@") > 1 or "@" in beyond:
        raise ValueError(UNREADABLE)
    return f"{parts.hostname or 'local socket'}:{port}{parts.path}"
