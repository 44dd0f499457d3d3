"""The symbols that strategies trade, in New York: prices as everywhere, and a check against a second vendor."""

from stocks_pipeline.defs.market import Market

US = Market(
    name="us",
    title="US strategies",
    mic="XNYS",
    suffix="",
    listing="us_strategies",
    # 04:00 UTC is 23:00 or midnight in New York: seven to eight hours after the close.
    daily_at="0 4 * * 2-6",
    daily_zone="UTC",
)
