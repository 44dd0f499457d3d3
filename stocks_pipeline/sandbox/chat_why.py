"""What the sandbox's model says in English of its stance: one sentence why it follows from the signals.

What belongs here: those sentences. What does not: the others (chat_lines.py), and the stance itself (chat_writer.py),
which is taken from the same three signals. No value stands in them: a reader has the values beside them.
"""

from stocks_pipeline.sandbox.chat_phrases import Line

_SIGNALS = ("close_vs_sma_200", "return_3m", "macd_histogram")


def _because(*ways: str) -> Line:
    return Line(_SIGNALS, {"any": ways})


WHY = {
    "BUY": _because(
        "The stance follows from agreement: long-term trend, past months and MACD all lean to the positive side.",
        "Long-term trend, past months and MACD agree on the positive side, and the stance follows them.",
    ),
    "SELL": _because(
        "The stance follows from agreement: long-term trend, past months and MACD all lean to the negative side.",
        "Long-term trend, past months and MACD agree on the negative side, and the stance follows them.",
    ),
    "HOLD": _because(
        "The stance follows from disagreement: long-term trend, past months and MACD do not lean to the same side.",
        "Long-term trend, past months and MACD do not agree, and so the stance takes no side.",
    ),
    "thin": Line((), {"any": ("The stance rests on the few signals that so short a history has.",)}),
}
