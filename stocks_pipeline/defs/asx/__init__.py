"""The ASX: every listed company, in batches of 100, each session after the close."""

from stocks_pipeline.defs.market import Market

ASX = Market(
    name="asx",
    title="ASX",
    mic="XASX",
    suffix=".AX",
    listing="asx_listing",
    # The closing auction ends at 16:10; Yahoo's bar settles some minutes later.
    daily_at="30 17 * * 1-5",
    # The exchange listed 1,985 companies on 2025-12-05; a first list of a few hundred is a cut file.
    listing_floor=1000,
)
