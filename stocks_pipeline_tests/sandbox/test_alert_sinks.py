"""The sinks against real servers on loopback: a web server for the webhook, moto's for SNS, SQS and EventBridge."""

import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest

from stocks_pipeline.defs.operations.delivery import LEASE_S
from stocks_pipeline.domain.alert_facts import Ended, FailedRun
from stocks_pipeline.domain.alerts import Alert, of_ended, of_run
from stocks_pipeline.upstream import alert_sinks
from stocks_pipeline.upstream.alert_sinks import SOURCE, LogSink, Sink, WebhookSink, open_sink
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError

AT = datetime(2026, 1, 5, 22, tzinfo=UTC)
RUN = of_run(FailedRun("r-1", "asx_prices", "2026-01-05", "3 batches: Über 90 %", "stocks status", AT))
DONE = of_ended(Ended("us/validation_summary", "session-1", 3, 2, 1, ("TSLA",), "stocks validation retry", "r-2", AT))
REGION = "eu-central-1"


class Hook(ThreadingHTTPServer):
    """A web server that keeps what was posted to it and answers as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HookHandler)
        self.got: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.answer, self.headers, self.text = 204, {}, ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/s3cr3t-path"


class HookHandler(BaseHTTPRequestHandler):
    """Speaks for `Hook`."""

    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, json.loads(body)))
        self.send_response(self.server.answer)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.text.encode())

    def log_message(self, *_args: object) -> None:
        """Silent."""


@pytest.fixture
def hook() -> Iterator[Hook]:
    server = Hook()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def aws(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Credentials as boto3 finds them, and the endpoint."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    return endpoint


def queue(endpoint: str, name: str) -> tuple[Any, str, str]:
    """A fresh SQS queue: client, URL, ARN."""
    sqs = boto3.client("sqs", endpoint_url=endpoint)
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return sqs, url, arn


def sink(name: str, endpoint: str | None = None, topic: str = "", bus: str = "default", url: str = "") -> Sink:
    """The sink as the sensor opens it."""
    return open_sink(name, webhook_url=url, sns_topic=topic, event_bus=bus, endpoint=endpoint)


def failure(receiver: Sink, alert: Alert = RUN) -> UpstreamError:
    """How the sink fails."""
    with pytest.raises(UpstreamError) as caught:
        receiver.send(alert)
    return caught.value


def test_the_log_sink_writes_one_line_of_its_severity(caplog: pytest.LogCaptureFixture) -> None:
    """E38: the default sink needs nothing: what, where and what to do stand in one line."""
    caplog.set_level(logging.INFO)
    for alert in (RUN, DONE):
        sink("log").send(alert)
    assert [r.levelno for r in caplog.records] == [logging.ERROR, logging.WARNING]
    assert "/runs/r-1" in caplog.text
    assert "stocks validation retry" in caplog.text
    assert isinstance(sink("log"), LogSink)


def test_the_webhook_posts_the_alert_as_json(hook: Hook) -> None:
    """E38: a real POST, with the key for receivers that want to see each alert once."""
    sink("webhook", url=hook.url).send(RUN)
    ((path, headers, body),) = hook.got
    assert path == "/hooks/s3cr3t-path"
    assert headers["idempotency-key"] == RUN.key
    assert body == RUN.body()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (500, FailureKind.TRANSIENT),
        (503, FailureKind.TRANSIENT),
        (429, FailureKind.RATE),
        (401, FailureKind.AUTH),
        (400, FailureKind.PERMANENT),
        (302, FailureKind.MALFORMED),
    ],
)
def test_the_webhooks_refusals_are_classified(hook: Hook, answer: int, kind: FailureKind) -> None:
    """F05: the class says whether the sink is down or refuses this one alert; the secret address is in none."""
    hook.answer, hook.headers, hook.text = answer, {"Retry-After": "7"}, f"no {hook.url}"
    error = failure(WebhookSink(hook.url))
    assert error.kind is kind
    assert "s3cr3t" not in str(error)
    assert answer != 429 or error.retry_after_s == 7


@contextmanager
def trickling(head: bytes) -> Iterator[str]:
    """A receiver that says `head` and then a byte at a time, for ever."""
    over, listener = threading.Event(), socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(head)
            while not over.wait(0.05):
                connection.sendall(b"x")

    thread = threading.Thread(target=serve)
    thread.start()
    with listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/s3cr3t-path"
    over.set()
    thread.join(5)


def test_a_receiver_that_trickles_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """E38: a status is enough; headers or a refusal without an end are cut off before the alert's lease ends."""
    assert alert_sinks.WHOLE_S < LEASE_S
    monkeypatch.setattr(alert_sinks, "WHOLE_S", 0.3)
    with trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n") as url:
        WebhookSink(url).send(RUN)
    for head in (b"HTTP/1.1 200 OK\r\nX-Long: ", b"HTTP/1.1 500 No\r\nContent-Length: 9999\r\n\r\n"):
        with trickling(head) as url:
            error = failure(WebhookSink(url))
        assert (error.kind, error.message) == (FailureKind.TRANSIENT, "no whole answer within 0.3 s")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/s3cr3t-path", "http://[s3cr3t-path", "gopher://s3cr3t-path"])
def test_an_address_nobody_answers_at_is_a_failure_not_a_crash(url: str) -> None:
    """E38: connection refused and an unusable address are the sink's failure, without the address."""
    error = failure(WebhookSink(url))
    assert "s3cr3t" not in str(error)
    assert error.__cause__ is None


def test_sns_publishes_to_whoever_subscribed(aws: str) -> None:
    """E38: through a topic into a queue: ASCII subject, JSON body, attributes to filter by."""
    sqs, url, arn = queue(aws, "alerts")
    sns = boto3.client("sns", endpoint_url=aws)
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    long = of_run(FailedRun("r-3", "ü" * 200, "", "x", "stocks status", AT))
    for alert in (RUN, long):
        sink("sns", aws, topic).send(alert)
    messages = [json.loads(m["Body"]) for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]]
    assert [json.loads(m["Message"]) for m in messages] == [RUN.body(), long.body()]
    assert messages[0]["Subject"] == RUN.title
    assert len(messages[1]["Subject"]) == 99
    assert messages[1]["Subject"].isascii()
    assert messages[0]["MessageAttributes"]["kind"]["Value"] == "RunFailed"


def test_eventbridge_carries_the_seeds_events(aws: str) -> None:
    """D25: a rule on the detail-type WorkflowCompleted gets exactly the seed's fields, beside the message."""
    sqs, url, arn = queue(aws, "events")
    events = boto3.client("events", endpoint_url=aws)
    events.create_event_bus(Name="desk")
    pattern = json.dumps({"source": [SOURCE], "detail-type": ["WorkflowCompleted"]})
    events.put_rule(Name="done", EventBusName="desk", EventPattern=pattern)
    events.put_targets(Rule="done", EventBusName="desk", Targets=[{"Id": "1", "Arn": arn}])
    for alert in (RUN, DONE):
        sink("eventbridge", aws, bus="desk").send(alert)
    (message,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    event = json.loads(message["Body"])
    assert (event["source"], event["detail-type"]) == (SOURCE, "WorkflowCompleted")
    detail = event["detail"]
    assert detail.pop("alert")["link"] == "/runs/r-2"
    assert detail == DONE.fields


def test_a_topic_that_is_none_is_permanent(aws: str) -> None:
    """F08: a wrong ARN will not heal by itself; it is said and blocks no other sink."""
    error = failure(sink("sns", aws, f"arn:aws:sns:{REGION}:123456789012:nobody"))
    assert error.kind is FailureKind.PERMANENT
    assert "NotFound" in str(error)


@pytest.mark.parametrize("name", ["sns", "eventbridge"])
def test_an_aws_endpoint_that_is_down_is_transient(aws: str, name: str) -> None:
    """E38: the outbox keeps the alert and tries again."""
    assert aws
    error = failure(sink(name, "http://127.0.0.1:1", f"arn:aws:sns:{REGION}:123456789012:alerts"))
    assert error.kind is FailureKind.TRANSIENT


@pytest.mark.parametrize("missing", ["AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION"])
def test_without_credentials_or_region_the_sink_says_what_to_set(
    aws: str, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """E38: a desk that is not set up says which variables it lacks, and loses nothing meanwhile."""
    monkeypatch.delenv(missing)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    error = failure(sink("eventbridge", aws))
    assert error.kind is FailureKind.AUTH
    assert missing in str(error)
