"""Fixtures of the sandbox's tests."""

from stocks_pipeline_tests.fault_desk import desk, impatient, world, world_process
from stocks_pipeline_tests.sandbox_server import sandbox, sandbox_process

__all__ = ["desk", "impatient", "sandbox", "sandbox_process", "world", "world_process"]
