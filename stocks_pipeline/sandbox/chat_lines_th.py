"""What the sandbox's model can say in Thai: fewer and plainer sentences than in English.

What belongs here: the sentences. What does not: which of them are said (chat_writer.py). They keep to the same rules as
the English ones. A full stop ends each, though Thai has none: that is how a reader of ours finds where one ends.
"""

from stocks_pipeline.sandbox.chat_phrases import Line, Phrases


def _any(text: str, *needs: str) -> Line:
    return Line(needs, {"any": (text,)})


def _beside(needs: tuple[str, ...], by: str, text: str) -> Line:
    """Above or below, by the sign of a fact."""
    return Line(needs, {"up": (text.format("เหนือ"),), "down": (text.format("ต่ำกว่า"),)}, by=by)


def _vs_average(length: str, words: str) -> Line:
    average, gap = f"sma_{length}", f"close_vs_sma_{length}"
    said = f"ราคาอยู่{{}}เส้นค่าเฉลี่ย{words} {{{{{average}}}}} ห่างจากเส้นค่าเฉลี่ย{words} {{{{{gap}}}}} ."
    return _beside((average, gap), gap, said)


def _return(fact: str, span: str) -> Line:
    return _any(f"ผลตอบแทน{span}คือ {{{fact}}} .", fact)


CLOSE_ONLY = _any("ราคาปิดของวันที่ {session} อยู่ที่ {close} .", "close", "session")
CLOSE = _any("ราคาปิดของวันที่ {session} อยู่ที่ {close} และผลตอบแทนรายวันคือ {return_1d} .", "close", "session", "return_1d")
RSI = _any("ค่า RSI อยู่ที่ {rsi_14} .", "rsi_14")
TURNOUT = _any("สัดส่วนปริมาณการซื้อขายต่อค่าปกติคือ {volume_ratio} .", "volume_ratio")
LONG = _vs_average("200", "ระยะยาว")
_SIGNALS = ("close_vs_sma_200", "return_3m", "macd_histogram")
THAI = Phrases(
    takeaways=(CLOSE, _return("return_3m", "หลายเดือน"), LONG, RSI),
    why={
        "BUY": _any("แนวโน้มระยะยาว ผลตอบแทนหลายเดือน และ MACD ไปในทางบวกเหมือนกัน จึงมีมุมมองเช่นนี้.", *_SIGNALS),
        "SELL": _any("แนวโน้มระยะยาว ผลตอบแทนหลายเดือน และ MACD ไปในทางลบเหมือนกัน จึงมีมุมมองเช่นนี้.", *_SIGNALS),
        "HOLD": _any("แนวโน้มระยะยาว ผลตอบแทนหลายเดือน และ MACD ไม่ไปในทางเดียวกัน จึงยังไม่เลือกทาง.", *_SIGNALS),
        "thin": _any("มุมมองนี้มาจากสัญญาณเท่าที่ประวัติสั้นนี้มี."),
    },
    close_only=CLOSE_ONLY,
    thin=_any("ประวัติที่เก็บไว้สั้นเกินไปสำหรับตัวชี้วัดบางรายการ."),
    undecided=_any("ข้อมูลเหล่านี้ยังไม่บอกทิศทางที่ชัดเจน."),
    trend=(
        _any("ราคาปิดก่อนหน้าคือ {previous_close} .", "previous_close"),
        _vs_average("20", "ระยะสั้น"),
        _vs_average("50", "ระยะกลาง"),
        LONG,
        _return("return_1m", "รายเดือน"),
        _return("return_3m", "หลายเดือน"),
        _return("return_1y", "รายปี"),
        _any("จุดต่ำสุดของปีคือ {low_52w} และจุดสูงสุดของปีคือ {high_52w} .", "low_52w", "high_52w"),
        _any(
            "กรอบล่างอยู่ที่ {bollinger_lower} และกรอบบนอยู่ที่ {bollinger_upper} .",
            "bollinger_lower",
            "bollinger_upper",
        ),
        _any("ราคาถ่วงน้ำหนักปริมาณคือ {vwap_20} .", "vwap_20"),
        _any("อัตราเงินปันผลคือ {dividend_yield_12m} .", "dividend_yield_12m"),
        _any("สหสัมพันธ์กับ {peer_1} คือ {peer_1_correlation} .", "peer_1", "peer_1_correlation"),
    ),
    no_trend=_any("แนวโน้มต้องใช้ประวัติที่ยาวกว่านี้."),
    momentum=(
        RSI,
        _beside(
            ("macd", "macd_signal", "macd_histogram"),
            "macd_histogram",
            "MACD {{macd}} อยู่{}เส้นสัญญาณ {{macd_signal}} และฮิสโตแกรมคือ {{macd_histogram}} .",
        ),
        _any("ปริมาณการซื้อขายคือ {volume} ส่วนปริมาณเฉลี่ยคือ {volume_sma_20} .", "volume", "volume_sma_20"),
        TURNOUT,
        _any("ช่วงการแกว่งคือ {atr_14} หรือช่วงการแกว่ง {atr_percent} เมื่อเทียบกับราคา.", "atr_14", "atr_percent"),
    ),
    no_momentum=_any("แรงส่งต้องใช้ประวัติที่ยาวกว่านี้."),
    risks=(
        _any("ความผันผวนคือ {volatility_30d} .", "volatility_30d"),
        _any("ราคาย่อตัวจากราคาปิดสูงสุดของปี {drawdown} .", "drawdown"),
    ),
    general=_any("ราคาอาจเปลี่ยนไปได้ทุกเมื่อโดยไม่มีสัญญาณในข้อมูลเหล่านี้."),
    headlines=tuple(
        _any(f'ข่าวที่เผยแพร่เมื่อ {{news_{at}_date}} มีหัวข้อว่า "{{news_{at}}}".', f"news_{at}", f"news_{at}_date")
        for at in range(1, 4)
    ),
    no_inference=_any("หัวข้อข่าวยกมาตามที่เผยแพร่เท่านั้น."),
)
