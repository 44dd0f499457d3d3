"""Sentences written to get past the verifier: hardly one is printed as if it had been verified; true ones stand."""

from collections import Counter

import pytest

from stocks_pipeline_tests.report_corpus import RECORDED
from stocks_pipeline_tests.verifier_attack import lies, outcome, truths

pytestmark = pytest.mark.skipif(not RECORDED.exists(), reason=f"needs the recorded prices, {RECORDED}")


def test_hardly_a_lie_passes_as_verified() -> None:
    """F13: of those that the shares have facts for, most are refused, and fewer than one in ten is neither refused nor
    shown as not verified. Before the verifier asked what had been checked at all, more than half were.
    """
    counts = Counter(outcome(sentence) for sentence in lies())
    said = counts.total() - counts["unsayable"]
    assert said >= 240
    assert counts["refused"] / said > 0.7
    assert counts["passed"] / said < 0.1


def test_no_truth_is_called_a_lie_and_most_are_verified() -> None:
    """F13: of true sentences in the same words, few are refused, and most pass without a doubt."""
    counts = Counter(outcome(sentence) for sentence in truths())
    said = counts.total() - counts["unsayable"]
    assert said >= 75
    assert counts["refused"] / said < 0.04
    assert counts["passed"] / said > 0.6
