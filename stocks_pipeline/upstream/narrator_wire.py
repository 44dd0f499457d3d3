"""The openai client, tamed: one request, no retries of its own, a deadline for the whole answer, failures by class.

What belongs here: everything that touches `openai` and `httpx2`. What does not: what an answer means
(narrator_answers.py), whether to send at all (narrator.py).

Why a client of our own below it: a time-out bounds the wait between two pieces of a body only, and OpenRouter keeps a
waiting connection alive with blanks, so that a call could hang for ever.
"""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
import openai

from stocks_pipeline.clock import Clock
from stocks_pipeline.upstream.budget import UPSTREAM
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError, from_transport
from stocks_pipeline.upstream.narrator_answers import error_of, is_spent

OPENROUTER = "https://openrouter.ai/api/v1"
_MAX_BYTES = 4_000_000  # an answer has some 10 kB
_CONNECT_S = 10.0
_HERE = {"127.0.0.1", "localhost", "::1"}
_OK = 200
_UNSENT = ("ConnectError", "ConnectTimeout", "no key")
_SPENT_HEADERS = {"content-encoding", "content-length", "transfer-encoding"}  # of a body that is decoded now


class Wire:
    """One server and its connections. Safe for threads."""

    def __init__(
        self, base_url: str, api_key: str, settings: Mapping[str, Any], schema: Mapping[str, Any], clock: Clock
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"STOCKS_LLM_BASE_URL is {base_url!r}; it must be an address such as {OPENROUTER}")
        if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
            raise ValueError("STOCKS_LLM_API_KEY holds a character that no key has: a blank, a line break, a letter")
        self._key, self._clock = api_key, clock
        self._is_openrouter = "openrouter.ai" in f"{parts.hostname}{parts.path}"
        self._client = openai.OpenAI(
            api_key=api_key or "none",
            base_url=base_url,
            max_retries=0,
            http_client=_BoundedClient(clock, trust_env=parts.hostname not in _HERE),
        )
        # The client takes both from the environment; they are another vendor's business.
        self._client.organization = self._client.project = None
        answer = {"name": "report", "strict": True, "schema": schema}
        self._fixed = {**settings, "response_format": {"type": "json_schema", "json_schema": answer}}
        if self._is_openrouter:
            self._fixed["extra_body"] = {"usage": {"include": True}, "provider": {"require_parameters": True}}

    def send(self, messages: Sequence[Mapping[str, str]], subject: str, timeout_s: float) -> bytes:
        """The body of an answer of HTTP 200.

        Raises:
            UpstreamError: any other answer, or none.
        """
        self._need_key(subject)
        try:
            response = self._client.chat.completions.with_raw_response.create(
                messages=cast("Any", list(messages)), timeout=_timeout(timeout_s), **self._fixed
            )
        except openai.APIError as error:
            raise self._failure(error, subject) from None  # the client's error holds the request and its key
        return response.http_response.content

    def probe(self, timeout_s: float) -> None:
        """Raises UpstreamError where a request that costs nothing is refused, or tells that the key has no credit."""
        self._need_key("")
        path = "/key" if self._is_openrouter else "/models"
        try:
            answer = self._client.get(path, cast_to=httpx2.Response, options={"timeout": _timeout(timeout_s)})
        except openai.APIError as error:
            raise self._failure(error, "key") from None
        if self._is_openrouter and is_spent(answer.content):
            raise UpstreamError(FailureKind.QUOTA_DAY, UPSTREAM, "key", "the key's credit limit is used up")

    def close(self) -> None:
        self._client.close()

    def _need_key(self, subject: str) -> None:
        if not self._key:
            raise UpstreamError(FailureKind.AUTH, UPSTREAM, subject, "no key: set STOCKS_LLM_API_KEY")

    def _failure(self, error: openai.APIError, subject: str) -> UpstreamError:
        if isinstance(error, openai.APIStatusError):
            body = error.body if error.body is not None else error.response.text
            # The client unwraps `error`; a body that was no JSON it leaves as text.
            shown = {"error": body} if isinstance(body, dict) and "error" not in body else body
            status, headers = error.response.status_code, error.response.headers
            found = error_of(status, headers, shown, subject, now=self._clock.now())
        else:
            cause = error.__cause__
            found = from_transport(UPSTREAM, subject, cause if isinstance(cause, Exception) else error)
        found.message = found.message.replace(self._key, "***") if self._key else found.message
        return UpstreamError(found.kind, UPSTREAM, subject, found.message, found.status, found.retry_after_s)


def _timeout(seconds: float) -> httpx2.Timeout:
    return httpx2.Timeout(seconds, connect=min(_CONNECT_S, seconds))


def may_be_billed(error: UpstreamError) -> bool:
    """Whether a failed request may have cost something: it was sent, and the vendor did not refuse it."""
    return error.status in {None, _OK} and not error.message.startswith(_UNSENT)


class _BoundedClient(httpx2.Client):
    """A client whose read time-out bounds the whole answer, and whose answers are bounded in size."""

    def __init__(self, clock: Clock, *, trust_env: bool) -> None:
        # Nobody leads it elsewhere; the number of connections is the caller's concurrency.
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=64)
        super().__init__(limits=limits, trust_env=trust_env, follow_redirects=False)
        self._clock = clock

    def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
        """As in httpx2, with the body read here."""
        longest_s = request.extensions["timeout"]["read"]
        deadline = self._clock.monotonic() + longest_s
        response = super().send(request, stream=True, **options)
        if stream:
            return response
        body = bytearray()
        with contextlib.closing(response):
            for piece in response.iter_bytes():
                body += piece
                if self._clock.monotonic() > deadline:
                    raise httpx2.ReadTimeout(f"still sending after {longest_s:.0f} s", request=request)
                if len(body) > _MAX_BYTES:
                    raise httpx2.DecodingError(f"more than {_MAX_BYTES} bytes", request=request)
        headers = [(name, value) for name, value in response.headers.items() if name not in _SPENT_HEADERS]
        return httpx2.Response(response.status_code, headers=headers, content=bytes(body), request=request)
