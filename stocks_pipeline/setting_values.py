"""Reading one variable: the text that was given, as a number, an address or a path, or a clear refusal.

What belongs here: `SettingError` and the readers. What does not: which variables there are (setting_table.py) and what
they are for (settings.py). A refusal names the variable and what is valid, never a secret's value.
"""

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from stocks_pipeline.setting_table import TABLE
from stocks_pipeline.upstream.limits_address import where
from stocks_pipeline.upstream.redaction import redact

N = TypeVar("N", int, float)
_OURS = "STOCKS_"


class SettingError(ValueError):
    """A variable that cannot be used; the message names it and what is valid, never a secret's value."""


def given(env: Mapping[str, str]) -> dict[str, str]:
    """Our variables that hold something. Quotes around a value are a habit of .env files, not part of it."""
    known = {row.name for row in TABLE}
    for name in env:
        if name.startswith(_OURS) and name not in known:
            close = difflib.get_close_matches(name.removeprefix(_OURS), (k.removeprefix(_OURS) for k in known), n=1)
            near = next((k for k in known if close and k.removeprefix(_OURS) == close[0]), None)
            hint = f"; did you mean {near}?" if near else f"; known: {', '.join(sorted(known))}"
            raise SettingError(f"{name} is not a setting{hint}")
    return {name: value for name in known if (value := env.get(name, "").strip().strip("'\"").strip())}


def url(found: Mapping[str, str], name: str, default: str) -> str:
    """An http(s) address with a host, without its last slash. Raises SettingError."""
    value = found.get(name, default)
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket left open
        usable = False
    if not usable:
        raise SettingError(f"{name} is {redact(repr(value))}; it must start with http:// or https:// and name a host")
    return value.rstrip("/")


def database(found: Mapping[str, str], name: str) -> str | None:
    """A Postgres address, or None where none is given. Raises SettingError, which never shows its password."""
    value = found.get(name)
    try:
        if value is not None:
            where(value)
    except ValueError as error:
        raise SettingError(str(error)) from None
    return value


def folder(found: Mapping[str, str], name: str, default: Path) -> Path:
    """A path on this machine, absolute. Raises SettingError."""
    value = found.get(name, str(default))
    if "://" in value:
        raise SettingError(f"{name} is {redact(repr(value))}; valid: a path on this machine")
    return _absolute(name, value)


def _absolute(name: str, value: str) -> Path:
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError:
        raise SettingError(f"{name} is {value!r}; there is no such user's home here") from None


def lake_address(value: str) -> str:
    """The lake's root: an absolute folder or s3://bucket/prefix. Raises SettingError."""
    if value.startswith("s3://"):
        if not value.removeprefix("s3://").partition("/")[0]:
            raise SettingError(f"STOCKS_LAKE is {value!r}, without a bucket; valid: s3://bucket or s3://bucket/prefix")
        return value.rstrip("/")
    if "://" in value:
        raise SettingError(f"STOCKS_LAKE is {value!r}; valid: a folder, s3://bucket or s3://bucket/prefix")
    return str(_absolute("STOCKS_LAKE", value))


def number(  # noqa: PLR0913, PLR0917 - a row of a table: name, default, kind and range
    found: Mapping[str, str], name: str, default: N, kind: Callable[[str], N], low: N, high: N
) -> N:
    """A number of that kind inside its range; `default` where none is given. Raises SettingError."""
    raw = found.get(name)
    if raw is None:
        return default
    try:
        value = kind(raw)
    except ValueError:
        raise SettingError(f"{name} is {raw!r}; valid: a number from {low} to {high}") from None
    if not low <= value <= high:
        raise SettingError(f"{name} is {raw}; valid: {low} to {high}")
    return value
