"""Text without its secrets, fit for a log, an event or a table.

What belongs here: what a secret looks like in what upstreams, URLs and HTTP libraries write. What does not: deciding
what is logged. It errs on the side of removing too much.
"""

import re

_LONGEST = 4_000  # what is looked at; a body may be megabytes, and a log line is a fraction of this

_NAME = r"(?:crumb|api[_-]?key|key|token|secret|passw(?:or)?d|pwd|signature|credentials?|sig)"
_HEADER = r"(?:authorization|(?:set-)?cookie|x-telegram-bot-api-secret-token)"
_GAP = r"[\"'\\]{0,3}\s*+(?:[=:]|%3[ad]|,(?=\s*b?[\"']))\s*+"  # possessive: a mark set before must not match again
_QUOTED = r"""(?:\\?"(?:\\.|[^"\\])*\\?"?|\\?'(?:\\.|[^'\\])*\\?'?)"""
_PATTERNS = (
    # A header's value is everything to the end of its line or of its quotes: schemes, several cookies, spaces.
    (re.compile(rf"(?im)((?<![a-z])(?:proxy-)?{_HEADER}{_GAP})(?!\*\*\*)(?:b?{_QUOTED}|[^\r\n]+)"), r"\1***"),
    # Query strings, JSON, Python's repr, key=value lists; also with a prefix (x-api-key, access_token, clientSecret).
    (re.compile(rf"(?i)((?<![\w-])[\w-]{{0,40}}?{_NAME}{_GAP})(?!\*\*\*)(?:b?{_QUOTED}|[^\s&\"']+)"), r"\1***"),
    # Yahoo's session cookies, outside a Cookie header.
    (re.compile(r"\b(A1S?|A3|GUCS?)=(?!\*\*\*)[^\s;,\"']+"), r"\1=***"),
    # Values that show what they are, wherever they stand.
    (re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]+"), r"\1 ***"),
    (re.compile(r"\b(sk|pk|rk)-[^\s\"',;&]{8,}"), r"\1-***"),
    (re.compile(r"\bbot\d+:\S+"), "bot***"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), "***"),
    (re.compile(r"(://)[^\s@]+@"), r"\1***@"),
)


def redact(text: str, limit: int = 300) -> str:
    """The text without secrets, on one line, at most `limit` characters. Applied twice it changes nothing more."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text[:_LONGEST])
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"
