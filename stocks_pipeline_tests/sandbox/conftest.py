"""Fixtures of the sandbox's tests."""

from collections.abc import Iterator

import pytest

from stocks_pipeline_tests.fault_desk import desk, impatient, world, world_process
from stocks_pipeline_tests.sandbox_server import sandbox, sandbox_process

__all__ = ["desk", "endpoint", "impatient", "sandbox", "sandbox_process", "world", "world_process"]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Address of a server that speaks S3, SNS, SQS and EventBridge, empty for each file of tests."""
    from moto.server import ThreadedMotoServer  # here, as most of these tests need no AWS and it loads slowly

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
