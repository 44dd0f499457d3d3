"""Deterministic chance: what looks random is a hash of a seed and of names.

What belongs here: turning names into numbers. What does not: any state. Two processes that ask the same question
get the same answer, whatever else happened before.
"""

import hashlib

_SPAN = float(1 << 64)


def number(*parts: object) -> int:
    """A 64-bit number that depends on all parts and their order; fit for seeding a generator."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def chance(*parts: object) -> float:
    """A number in [0, 1) that depends on all parts and their order."""
    return number(*parts) / _SPAN
