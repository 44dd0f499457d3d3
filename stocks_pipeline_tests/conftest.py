"""What holds for every test of every tier.

What belongs here: nothing but that. What does not: fixtures of a tier (its own conftest.py) or of a desk (the modules
beside this one).
"""

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _the_environment_is_each_tests_own() -> Iterator[None]:
    """A command that runs in this process puts its desk into the environment (cli/desk.py), as a process of its own
    may: without this the next test on the same worker would work on that desk.
    """
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
