"""Where alerts go: the log, a webhook, an SNS topic, an EventBridge bus.

What belongs here: one call that hands one alert over, and every way it fails as an `UpstreamError`. What does not:
trying again (defs/operations/delivery.py over storage/outbox.py) and what an alert says (domain/alerts.py).

Every body carries the alert's `key`, so a receiver can drop what it has seen. httpx and boto3 are imported by the sink
that needs them: the code location looks at this module every minute.
"""

import json
import logging
import threading
from collections.abc import Callable
from functools import cache
from typing import Any, Final, Protocol

from stocks_pipeline.domain.alerts import Alert, Severity
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError, from_status, from_transport

SOURCE: Final = "stocks_pipeline"
"""`Source` of the EventBridge events; rules match on it and on the kind."""

TIMEOUT_S: Final = 5.0
WHOLE_S: Final = 15.0
"""Most that one webhook may take: `TIMEOUT_S` is between two bytes, and a receiver may trickle them. Less than the
lease of an alert (defs/operations/delivery.py), so that no second deliverer sends it meanwhile."""

_SAID: Final = 10_000  # characters of a refusal that are read; longer than any address in it that must not show
_SUBJECT: Final = 99  # SNS: less than 100 ASCII characters, no line breaks
_log = logging.getLogger("stocks_pipeline.alerts")
_LEVELS: Final = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.ERROR: logging.ERROR}


class Sink(Protocol):
    """One receiver."""

    name: str

    def send(self, alert: Alert) -> None:
        """Hand it over.

        Raises:
            UpstreamError: it was not taken; the kind says whether another try can help.
        """
        ...


class LogSink:
    """One line in the log of the process that looks: the daemon's code server."""

    name = "log"

    def send(self, alert: Alert) -> None:
        line = f"{alert.title} | {alert.detail} | {alert.link} | {alert.next_step}"
        _log.log(_LEVELS[alert.severity], "ALERT %s %s: %s", alert.severity, alert.kind, line)


class WebhookSink:
    """POSTs the alert as JSON. The address is a secret: it stands in no message."""

    name = "webhook"

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, alert: Alert) -> None:
        import httpx

        headers = {"Idempotency-Key": _header(alert.key)}
        # One connection each: alerts are rare, and an idle connection is what firewalls cut.
        client = httpx.Client(timeout=TIMEOUT_S)
        end = threading.Timer(WHOLE_S, client.close)
        end.start()
        try:
            # The status says whether it was taken; a body is read only to tell why not, as far as it is there.
            with client, client.stream("POST", self._url, json=alert.body(), headers=headers) as answer:
                text = "" if answer.is_success else next(answer.iter_text(_SAID), "")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as exc:
            if end.finished.is_set():
                why = f"no whole answer within {WHOLE_S:g} s"
                raise UpstreamError(FailureKind.TRANSIENT, self.name, alert.key, why) from None
            raise self._failure(alert, exc) from None  # `from exc` would show the address
        finally:
            end.cancel()
        if not answer.is_success:
            said = text.replace(self._url, "…")
            raise from_status(self.name, alert.key, answer.status_code, answer.headers, said)

    def _failure(self, alert: Alert, exc: Exception) -> UpstreamError:
        try:
            return from_transport(self.name, alert.key, exc)
        except TypeError:  # no failure of the network
            message = f"STOCKS_ALERT_WEBHOOK_URL cannot be used: {type(exc).__name__}"
            return UpstreamError(FailureKind.PERMANENT, self.name, alert.key, message)


class SnsSink:
    """Publishes to a topic: a subject for people, JSON for machines, kind and severity as attributes to filter by."""

    name = "sns"

    def __init__(self, topic: str, client: Callable[[], Any]) -> None:
        self._topic = topic
        self._client = cache(client)

    def send(self, alert: Alert) -> None:
        subject = alert.title.encode("ascii", "replace").decode()[:_SUBJECT]
        attributes = {
            name: {"DataType": "String", "StringValue": str(value)}
            for name, value in (("kind", alert.kind), ("severity", alert.severity), ("key", alert.key))
        }
        _aws(
            self.name,
            alert,
            lambda: self._client().publish(
                TopicArn=self._topic, Subject=subject, Message=_json(alert.body()), MessageAttributes=attributes
            ),
        )


class EventBridgeSink:
    """Puts an event: `detail-type` is the kind, the fields are the detail's own, the message lies under `alert`."""

    name = "eventbridge"

    def __init__(self, bus: str, client: Callable[[], Any]) -> None:
        self._bus = bus
        self._client = cache(client)

    def send(self, alert: Alert) -> None:
        body = alert.body()
        detail = {**body.pop("fields"), "alert": body}
        entry = {
            "Source": SOURCE,
            "DetailType": str(alert.kind),
            "Detail": _json(detail),
            "EventBusName": self._bus,
            "Time": alert.at,
        }
        answer = _aws(self.name, alert, lambda: self._client().put_events(Entries=[entry]))
        if answer.get("FailedEntryCount"):
            first = answer["Entries"][0]
            code = str(first.get("ErrorCode"))
            raise UpstreamError(_kind(code), self.name, alert.key, f"{code}: {first.get('ErrorMessage')}")


def aws_client(service: str, endpoint: str | None, region: str | None = None) -> Any:
    """A boto3 client with our timeouts and one try; credentials and region as boto3 finds them.

    Raises:
        botocore.exceptions.BotoCoreError: no region is configured.
    """
    from boto3.session import Session
    from botocore.config import Config

    config = Config(connect_timeout=3, read_timeout=TIMEOUT_S, retries={"total_max_attempts": 1})
    # A session of its own: boto3's shared one keeps the credentials that it found first.
    return Session().client(service, endpoint_url=endpoint, region_name=region, config=config)


def open_sink(
    name: str, *, webhook_url: str | None, sns_topic: str | None, event_bus: str, endpoint: str | None
) -> Sink:
    """The sink of that name, by the settings' values.

    Raises:
        ValueError: unknown, or without its address; the settings have refused both before.
    """
    if name == "log":
        return LogSink()
    if name == "webhook" and webhook_url:
        return WebhookSink(webhook_url)
    if name == "sns" and sns_topic:
        region = (sns_topic.split(":") + [""] * 4)[3] or None
        return SnsSink(sns_topic, lambda: aws_client("sns", endpoint, region))
    if name == "eventbridge":
        parts = event_bus.split(":")
        region = parts[3] if event_bus.startswith("arn:") else None
        return EventBridgeSink(event_bus, lambda: aws_client("events", endpoint, region))
    raise ValueError(f"STOCKS_ALERT_SINKS: {name} is unknown or has no address")


def _aws(name: str, alert: Alert, call: Callable[[], Any]) -> Any:
    from botocore import exceptions as aws

    try:
        return call()
    except aws.ClientError as exc:
        error = exc.response.get("Error", {})
        code, status = str(error.get("Code")), exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        message = f"{code}: {error.get('Message')}"
        raise UpstreamError(_kind(code, status), name, alert.key, message, status=status) from exc
    except (aws.NoCredentialsError, aws.NoRegionError) as exc:
        message = f"{exc} (AWS_ACCESS_KEY_ID and AWS_DEFAULT_REGION, or a profile)"
        raise UpstreamError(FailureKind.AUTH, name, alert.key, message) from exc
    except (aws.ConnectionError, aws.HTTPClientError) as exc:
        raise UpstreamError(FailureKind.TRANSIENT, name, alert.key, str(exc)) from exc
    except aws.BotoCoreError as exc:
        raise UpstreamError(FailureKind.PERMANENT, name, alert.key, str(exc)) from exc


def _kind(code: str, status: int | None = None) -> FailureKind:
    """What an AWS error code means for the next try."""
    if "Throttl" in code or "TooManyRequests" in code:
        return FailureKind.RATE
    if status in {401, 403} or "Auth" in code or "AccessDenied" in code or "Token" in code:
        return FailureKind.AUTH
    server = status is not None and status >= 500  # noqa: PLR2004 - the first status that is the server's fault
    return FailureKind.TRANSIENT if server or code.startswith("Internal") else FailureKind.PERMANENT


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _header(text: str) -> str:
    return text.encode("ascii", "replace").decode()
