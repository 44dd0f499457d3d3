"""Fixtures of the sandbox's tests."""

from stocks_pipeline_tests.sandbox_server import sandbox, sandbox_process

__all__ = ["sandbox", "sandbox_process"]
