"""Sentence templates of the report corpus (report_corpus.py says how they are filled). Only prose belongs here."""

TAKEAWAYS = (
    "{ticker} closed at {close}, [up/down/little changed:return_1d] {return_1d} on the day.",
    "The shares of {company_name} ended the session of {session} at {close}.",
    "Over the week the return was {return_1w}, over the month {return_1m} and over the year {return_1y}.",
    "The RSI stands at {rsi_14}.",
    "RSI at {rsi_14} sits in the {rsi_percentile} percentile of its own year.",
    "Volume was {volume_ratio} its average.",
    "The price is <above/below:close,sma_200> its long-term average of {sma_200}.",
    "{company_name} trades on the {exchange} exchange and belongs to the {sector} sector.",
    "The share [gained/lost/was unchanged with:return_3m] {return_3m} over the past months.",
    "Daily swings are measured by an annualised volatility of {volatility_30d}.",
    "The close of {close} compares with {previous_close} the day before.",
    "Against the close of {close}, the previous close was {previous_close}.",
)
PRICE = (
    "The price moved from {previous_close} to {close}, a daily change of {return_1d}.",
    "The short-term average stands at {sma_20}, the medium-term average at {sma_50} and the long-term at {sma_200}.",
    (
        "The close is {close_vs_sma_20} [above/below/away from:close_vs_sma_20] its short-term average and "
        "{close_vs_sma_50} [above/below/away from:close_vs_sma_50] the medium-term average."
    ),
    "Its gap to the long-term average is {close_vs_sma_200}.",
    "At {close}, the price sits <above/below:close,sma_50> its medium-term average of {sma_50}.",
    "The short-term average of {sma_20} is <above/below:sma_20,sma_50> the medium-term average of {sma_50}.",
    "The year's high of {high_52w} was set on {high_52w_date}.",
    "The lowest price of the year, {low_52w}, dates from {low_52w_date}.",
    "The year's range runs from a low of {low_52w} to a high of {high_52w}.",
    "The drawdown from the peak is {drawdown}.",
    "The upper Bollinger band lies at {bollinger_upper} and the lower band at {bollinger_lower}.",
    "Bollinger bands run between {bollinger_lower} and {bollinger_upper}, around a middle band of {bollinger_middle}.",
    "The volume-weighted average price is {vwap_20}.",
    "The price is <above/below:close,vwap_20> the volume-weighted average price of {vwap_20}.",
    "An average true range of {atr_14} equals {atr_percent} of the price.",
    "The weekly return is {return_1w}; the monthly return is {return_1m}.",
    (
        "Shares [rose/fell/were flat with:return_1m] {return_1m} over the month, "
        "yet [rose/fell/stayed flat with:return_1w] {return_1w} over the week."
    ),
    "The close of {close} is <above/below:close,sma_20> the short-term average of {sma_20} by {close_vs_sma_20}.",
    "The yearly performance comes to {return_1y}.",
    "The market cap stands at {market_cap}.",
    "At {trailing_pe} earnings and {price_to_book} book value, the valuation speaks for itself.",
    "Forward earnings are valued at {forward_pe} while trailing earnings cost {trailing_pe}.",
    "The dividend yield of the past year is {dividend_yield_12m}.",
    "Revenue [grew/shrank/was flat with:revenue_growth] {revenue_growth}, and the profit margin is {profit_margin}.",
    "Earnings changed by {earnings_growth}, and the return on equity is {return_on_equity}.",
    "Its beta is {beta}.",
)
MOMENTUM = (
    "Momentum, by the RSI of {rsi_14}, tells its own story.",
    "With a reading of {rsi_14}, the RSI ranks at {rsi_percentile} of its own year.",
    "The MACD is {macd}, its signal line {macd_signal} and the histogram {macd_histogram}.",
    "The MACD of {macd} is <above/below:macd,macd_signal> its signal line of {macd_signal}.",
    "A [positive/negative/neutral:macd_histogram] histogram of {macd_histogram} sums up the MACD.",
    "Volume came to {volume}, against an average volume of {volume_sma_20}.",
    "Volume of {volume} was <above/below:volume,volume_sma_20> its average of {volume_sma_20}.",
    "Turnover was {volume_ratio} its usual level, in the {volume_percentile} percentile of the past year.",
    "Volume ranks at the {volume_percentile} percentile of its year's readings.",
    "The daily range, {atr_percent}, is in the {atr_percentile} percentile of its own year.",
    "The day's return was in the {return_percentile} percentile of its own year.",
    "The closest peer is {peer_1}, with a correlation of {peer_1_correlation}.",
    "Among peers, {peer_1} has a correlation of {peer_1_correlation} and {peer_2} shows {peer_2_correlation}.",
    (
        "A peer that moves [alongside/against/apart from:peer_3_correlation] it is {peer_3} with a correlation of "
        "{peer_3_correlation}."
    ),
    "Momentum looks neither stretched nor exhausted on this view.",
    "Trading was calm, and no one should read too much into a single session.",
)
RISKS = (
    "A close below the medium-term average of {sma_50} would weaken the picture.",
    "Annualised volatility of {volatility_30d} means that swings can be wide.",
    "The drawdown of {drawdown} from the year's high shows what may happen again.",
    "If the price falls below the lower band at {bollinger_lower}, sellers may take over.",
    "The year's low of {low_52w} could be tested again.",
    "A typical daily range of {atr_14} leaves room for surprises.",
    "Thin volume of {volume} may exaggerate moves.",
    "The price could slip back to the long-term average of {sma_200}.",
    "Sentiment may turn without warning.",
)
NEWS = (
    "A headline published on {news_1_date} reads “{news_1}”.",
    "Headlines: “{news_1}” ({news_1_date}) and “{news_2}” ({news_2_date}).",
    "Also reported: “{news_3}”.",
    "Another story, of {news_2_date}, was “{news_2}”.",
)
