"""Every HTTP answer and transport error becomes the right class of failure, and no secret survives in its text."""

import errno
import json
import pickle
import socket
import ssl
from datetime import UTC, datetime
from types import SimpleNamespace

import httpx
import pytest
from curl_cffi.requests import exceptions as curl
from hypothesis import given
from hypothesis import strategies as st

from stocks_pipeline.upstream.failures import (
    MAX_RETRY_AFTER_S,
    NEXT_STEP,
    FailureKind,
    UpstreamError,
    from_status,
    from_transport,
    parse_retry_after,
    redact,
)

WALL = "<!DOCTYPE html><html><head><title>Access denied | example.com</title></head><body>robots</body></html>"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind"),
    [
        (429, {}, "Edge: Too Many Requests", FailureKind.RATE),
        (403, {}, WALL, FailureKind.RATE),
        (402, {"Retry-After": "3"}, '{"error":{"code":402}}', FailureKind.RATE),
        (402, {}, '{"error":{"message":"Insufficient credits."}}', FailureKind.QUOTA_DAY),
        (401, {}, '{"finance":{"error":{"description":"Invalid Crumb"}}}', FailureKind.AUTH),
        (401, {}, WALL, FailureKind.AUTH),
        (403, {}, '{"code":403,"message":"denied"}', FailureKind.AUTH),
        (400, {}, "Data doesn't exist for startDate", FailureKind.PERMANENT),
        (404, {}, "No data found, symbol may be delisted", FailureKind.PERMANENT),
        (404, {}, WALL, FailureKind.PERMANENT),
        (410, {}, "gone", FailureKind.PERMANENT),
        (414, {}, "parameter too long", FailureKind.PERMANENT),
        (408, {}, "", FailureKind.TRANSIENT),
        (409, {}, "", FailureKind.TRANSIENT),
        (425, {}, "", FailureKind.TRANSIENT),
        (500, {}, WALL, FailureKind.TRANSIENT),
        (502, {}, "", FailureKind.TRANSIENT),
        (503, {"Retry-After": "9"}, "", FailureKind.TRANSIENT),
        (520, {}, WALL, FailureKind.TRANSIENT),
        (200, {}, WALL, FailureKind.MALFORMED),
        (204, {}, "", FailureKind.MALFORMED),
        (302, {}, "", FailureKind.MALFORMED),
    ],
)
def test_status_table(status: int, headers: dict[str, str], body: str, kind: FailureKind) -> None:
    """Each status means one class; a page for robots and a budget in flight are told apart from their number."""
    error = from_status("vendor", "BHP.AX", status, headers, body)

    assert (error.kind, error.status, error.upstream, error.subject) == (kind, status, "vendor", "BHP.AX")
    assert f"HTTP {status}" in error.message


def test_web_page_is_named_by_its_title() -> None:
    """A person reads the page's title, not its markup; an empty body is called that."""
    assert from_status("v", "s", 403, {}, WALL).message == (
        "HTTP 403: a web page instead of data (Access denied | example.com)"
    )
    assert from_status("v", "s", 200, {}, "<html>").message == "HTTP 200: a web page instead of data (untitled)"
    assert from_status("v", "s", 500, {}, " ").message == "HTTP 500: an empty body"


def test_every_kind_has_a_next_step() -> None:
    """No failure leaves a person without a next step."""
    assert set(NEXT_STEP) == set(FailureKind)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"Retry-After": "-4"}, 0.0),
        ({"Retry-After": "86400"}, MAX_RETRY_AFTER_S),
        ({"Retry-After": "Sat, 21 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"Retry-After": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"Retry-After": "Sat, 21 Nov 2026 09:00:10 GMT", "Date": "Sat, 21 Nov 2026 09:00:00 GMT"}, 10.0),
        ({"Retry-After": "Sat, 21 Nov 2026 12:00:30"}, 30.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": None}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str | None], seconds: float | None) -> None:
    """Seconds and dates are read, the vendor's own clock is preferred, nonsense is no answer, the wait is capped."""
    assert parse_retry_after(headers, NOW) == seconds


def test_retry_after_date_without_any_clock_is_unknown() -> None:
    """Without a Date header or a given present, a date says nothing: the wall clock is not asked in secret."""
    assert parse_retry_after({"Retry-After": "Sat, 21 Nov 2026 12:00:30 GMT"}, None) is None


@given(st.text(max_size=40))
def test_retry_after_never_raises(value: str) -> None:
    """Whatever a vendor writes, the answer is None or a number from 0 to the cap."""
    seconds = parse_retry_after({"Retry-After": value}, NOW)

    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER_S


REQUEST = httpx.Request("GET", "https://vendor.test/x")


@pytest.mark.parametrize(
    ("exc", "kind"),
    [
        (curl.Timeout("Operation timed out"), FailureKind.TRANSIENT),
        (curl.ConnectTimeout("late"), FailureKind.TRANSIENT),
        (curl.ConnectionError("refused"), FailureKind.TRANSIENT),
        (curl.DNSError("no such host"), FailureKind.TRANSIENT),
        (curl.CertificateVerifyError("self-signed"), FailureKind.TRANSIENT),
        (curl.IncompleteRead("end of stream"), FailureKind.TRANSIENT),
        (curl.ChunkedEncodingError("cut"), FailureKind.TRANSIENT),
        (curl.HTTPError("HTTP/2 stream was reset"), FailureKind.TRANSIENT),
        (curl.RequestException("a code without a class"), FailureKind.TRANSIENT),
        (curl.TooManyRedirects("30"), FailureKind.MALFORMED),
        (curl.JSONDecodeError("Expecting value"), FailureKind.MALFORMED),
        (httpx.ReadTimeout("late", request=REQUEST), FailureKind.TRANSIENT),
        (httpx.PoolTimeout("late", request=REQUEST), FailureKind.TRANSIENT),
        (httpx.ConnectError("refused", request=REQUEST), FailureKind.TRANSIENT),
        (httpx.RemoteProtocolError("cut", request=REQUEST), FailureKind.TRANSIENT),
        (httpx.ProxyError("refused", request=REQUEST), FailureKind.TRANSIENT),
        (httpx.DecodingError("gzip", request=REQUEST), FailureKind.MALFORMED),
        (httpx.TooManyRedirects("20", request=REQUEST), FailureKind.MALFORMED),
        (TimeoutError("timed out"), FailureKind.TRANSIENT),
        (ConnectionResetError(errno.ECONNRESET, "reset"), FailureKind.TRANSIENT),
        (BrokenPipeError(errno.EPIPE, "broken"), FailureKind.TRANSIENT),
        (socket.gaierror(-2, "Name or service not known"), FailureKind.TRANSIENT),
        (ssl.SSLError(1, "handshake"), FailureKind.TRANSIENT),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), FailureKind.TRANSIENT),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_transport_table(exc: Exception, kind: FailureKind) -> None:
    """Each library's network failures become one class, and the message names the original."""
    error = from_transport("vendor", "BHP.AX", exc)

    assert error.kind == kind
    assert error.message.startswith(type(exc).__name__)


@pytest.mark.parametrize(
    "exc",
    [
        curl.MissingSchema("no https://"),
        curl.InvalidURL("spaces"),
        curl.InvalidProxyURL("spaces"),
        curl.InvalidHeader("newline"),
        curl.SessionClosed("closed"),
        curl.ImpersonateError("no such browser"),
        httpx.UnsupportedProtocol("ftp", request=REQUEST),
        httpx.LocalProtocolError("bad header", request=REQUEST),
        httpx.InvalidURL("spaces"),
        FileNotFoundError(errno.ENOENT, "no file"),
        PermissionError(errno.EACCES, "no"),
        OSError(errno.ENOSPC, "disk full"),
        KeyError("chart"),
        ValueError("json"),
        ZeroDivisionError(),
    ],
    ids=lambda exc: type(exc).__name__,
)
def test_our_own_mistakes_are_not_classified(exc: Exception) -> None:
    """A wrong URL, a full disk or a bug is never retried as if a vendor had failed; the original stays attached."""
    with pytest.raises(TypeError, match=type(exc).__name__) as caught:
        from_transport("vendor", "BHP.AX", exc)
    assert caught.value.__cause__ is exc


def test_openais_copy_of_httpx_is_read_the_same() -> None:
    """The openai client's httpx2 raises classes of the same names."""
    httpx2 = pytest.importorskip("httpx2")
    request = httpx2.Request("GET", "https://vendor.test")

    assert from_transport("llm", "", httpx2.ReadTimeout("late", request=request)).kind == FailureKind.TRANSIENT


def test_raise_for_status_keeps_the_status() -> None:
    """An exception that carries the answer is sorted by the answer."""
    response = httpx.Response(429, headers={"Retry-After": "4"}, text="slow down", request=REQUEST)
    with pytest.raises(httpx.HTTPStatusError) as caught:
        response.raise_for_status()
    answer = SimpleNamespace(status_code=404, headers={}, text="unknown")

    error = from_transport("vendor", "BHP.AX", caught.value)
    assert (error.kind, error.status, error.retry_after_s) == (FailureKind.RATE, 429, 4.0)
    assert from_transport("vendor", "x", curl.HTTPError("404", 0, answer)).kind == FailureKind.PERMANENT


def test_half_read_answer_is_no_answer() -> None:
    """curl_cffi attaches what it had to a timeout: its 200 or 404 does not turn the timeout into something else."""
    for status in (200, 404):
        half = SimpleNamespace(status_code=status, headers={}, text='{"cha')
        assert from_transport("vendor", "x", curl.Timeout("late", 0, half)).kind == FailureKind.TRANSIENT


def test_failures_travel_between_processes() -> None:
    """Pickling keeps every field, however the failure was made."""
    error = UpstreamError(
        kind=FailureKind.RATE, upstream="vendor", subject="BHP.AX", message="slow", status=429, retry_after_s=2.0
    ).after(5)

    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert (copy.__dict__, str(copy)) == (error.__dict__, str(error))
    assert "5 tries" in str(copy)


SECRET = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~/+-", min_size=12, max_size=60).map(
    lambda text: f"S3cr{text}"
)
CARRIERS = (
    "https://vendor.test/v8/chart/BHP.AX?crumb={0}&period1=1",
    "https://vendor.test/q?symbol=BHP&apikey={0}",
    "https://vendor.test/q?apikey%3D{0}%26x",
    "https://user:{0}@vendor.test/",
    "https://api.telegram.test/bot123456:{0}/sendMessage",
    "https://lake.test/k?X-Amz-Credential={0}&X-Amz-Signature={0}&X-Amz-Security-Token={0}",
    "Authorization: Bearer {0}",
    "authorization: Basic {0}\nAccept: */*",
    "Authorization: apikey {0}",
    "sent Bearer {0} to the vendor",
    "Cookie: A1=d={0}; A3=d={0}&S={0}; B=1",
    "Set-Cookie: A3=d={0}; Expires=Sun, 21 Nov 2027; Path=/",
    "A3={0}; A1S={0}",
    "key sk-or-v1-{0} is wrong",
    "OPENROUTER_API_KEY={0}",
    "TWELVEDATA_API_KEY = '{0}'",
    "{{'Authorization': 'Bearer {0}', 'Accept': '*/*'}}",
    "{{'Cookie': b'A3=d={0}; B={0}'}}",
    "[('x-api-key', '{0}'), ('apikey' , '{0}')]",
    "Headers({{'x-api-key': '{0}'}})",
    "client_secret={0} access_token: {0} refreshToken={0}",
    "password={0}",
)


@given(
    st.lists(st.tuples(st.sampled_from(CARRIERS), SECRET), min_size=1, max_size=3),
    st.text("abc {}\n", max_size=30),
    st.booleans(),
)
def test_no_secret_survives(parts: list[tuple[str, str]], noise: str, repeat: bool) -> None:  # noqa: FBT001 - drawn
    """Wherever a key, crumb, cookie or password stands in a URL, header or log line, it is gone."""
    text = f"{noise}\n".join(carrier.format(secret) for carrier, secret in parts)
    shown = redact(text, limit=10_000)

    for _, secret in parts:
        assert secret[:12] not in shown
    if repeat:
        assert redact(shown, limit=10_000) == shown


@given(
    st.sampled_from(["apikey", "api_key", "crumb", "token", "Authorization", "Cookie", "x-api-key", "password"]),
    st.text(st.characters(codec="ascii"), min_size=8, max_size=40).map(lambda text: f"S3cr{text}"),
    st.booleans(),
)
def test_no_secret_survives_json(name: str, secret: str, cut: bool) -> None:  # noqa: FBT001 - drawn
    """In JSON a secret may hold spaces, quotes and braces, may be quoted twice, and the body may end within it."""
    inner = json.dumps({"a": 1, name: secret})
    marker = json.dumps(secret)[1:9]
    for text in (inner, inner[:-3] if cut else inner):
        assert marker not in redact(text, limit=10_000)


@given(st.text(max_size=600), st.integers(2, 400))
def test_redacted_text_fits_one_line(text: str, limit: int) -> None:
    """Any text becomes one line of at most the given length, and doing it again changes nothing."""
    shown = redact(text, limit)

    assert len(shown) <= limit
    assert len(shown.splitlines()) <= 1
    assert redact(shown, limit) == shown


def test_harmless_text_stays_readable() -> None:
    """What an operator needs is kept: counts, words about keys, vendors' sentences."""
    for text in (
        "**apikey** parameter is incorrect or not specified.",
        '{"prompt_tokens": 10, "total_tokens": 19}',
        "You have run out of API credits for the current minute. 12 API credits were used",
        "curl: (28) Operation timed out after 10001 milliseconds with 0 bytes received",
    ):
        assert redact(text) == text


def test_huge_bodies_cost_little() -> None:
    """Only the beginning of a long body is looked at, so an error page of megabytes costs no time."""
    assert redact("x" * 10_000_000 + " apikey=abc").endswith("…")
