"""The words that a sentence without a value may be made of: those of grammar, and those of a market's calm description.

What belongs here: the list, as stems. What does not: which sentences are held to it (verifier_plain.py).

The list is closed on purpose. Whatever can happen to a company can be told in words without end; a price's course, its
averages and its indicators need few. A word that is missing here costs a model one correction; a word that should not
be here lets an invention pass. So no people, products, courts, results, places or moods of the wider world are in it.
"""

from stocks_pipeline.domain.reports.verifier_words import split

_GRAMMAR = (
    "a about above accordingly across additionally after again against all almost alone along alongside already also "
    "although always amid among amongst an and another any anyone anything apart are aren't around as at be because "
    "been before being below beneath besides between beyond both but by can can't cannot could despite did didn't do "
    "does doesn't don't done down during each either else even ever every everyone everything except far farther few "
    "for from further furthermore had has hasn't have haven't having he hence here how however i if in indeed instead "
    "into is isn't it it's its itself just largely later least less let like likewise mainly many may meanwhile might "
    "more moreover most mostly much must near nearly neither never nevertheless next no nobody none nonetheless nor "
    "not nothing now of off often on once one one's only onto or other otherwise our out over overall own partly per "
    "quite rarely rather regardless roughly same seldom several shall she should similarly since so some someone "
    "something sometimes soon still such than that that's the their theirs them then there there's thereby therefore "
    "these they this those though through throughout thus to together too toward towards under unless unlike until up "
    "upon us usually very was wasn't we well were what when where whereas whereby whether which while who whose why "
    "will with within without won't would yet you your "
)
_MARKET = (
    "absence acceleration action activity advance agreement alignment amount analysis angle annual annualise "
    "annualised annualized appetite area assessment atr attempt attention average backdrop background balance band "
    "bar barrier base basis bear beginning belief bias bit bollinger bottom bout breadth break breakdown breakout "
    "breather bull burst buyer buying case catalyst cause caution ceiling challenge change channel character chart "
    "close clue combination company concentration conclusion condition confidence confirmation consolidation context "
    "continuation contraction control convergence conviction correction correlation corridor course crossover "
    "currency current cushion daily data day deceleration decline degree depth deterioration digestion direction "
    "directional disagreement discipline distance divergence dividend dominance doubt downside downtick downtrend "
    "drawdown drift driver drop duration earlier early edge effect effort element end envelope environment evidence "
    "exchange exhaustion expansion exposure extent extreme eye factor fall figure floor focus follow foothold force "
    "formation fragility framework frequency fundamental future gain gap gauge ground hand handle headline headroom "
    "height hesitation high hint histogram history holder horizon hurdle illiquid imbalance importance improvement "
    "indecision indicator influence intensity interest investor judgement judgment keeping kind lack last late latest "
    "leg length level line liquid liquidity look loss low lower macd magnitude management mark market mean measure "
    "message middle mixture moment momentum month monthly mood move movement moving nature need new news open "
    "opportunity order oscillator outlook overview pace part participant participation past path patience pattern "
    "peak peer percentile performance period perspective phase picture point position power present pressure previous "
    "price prior priority profile pullback quality quantity quotation rally range rate reaction reader reading reason "
    "rebound recent recovery region relevance reliability report resilience resistance rest resumption retracement "
    "retreat return reversal reward rhythm rise risk room rsi run scope section sector seller selling sense "
    "sensitivity sentence sentiment session set setup shape share shareholder shift side sideways sign signal "
    "significance situation size slide sma sort space span speed spike squeeze stabilisation stabilization stage "
    "stance start statement step stock story strength stretch structure summary support surprise sustainability swing "
    "takeaway technical term territory test theme time timeframe tolerance tone top trade trader trading trend "
    "trendline trough turn turnout turnover uncertainty upper upside uptick uptrend valuation value view volatile "
    "volatility volume vulnerability vwap wave way weakness week weekly weight whole wilder year yearly yield zone "
)
_QUALITY = (
    "absent actual acute additional adequate adverse ahead alike ample anaemic apparent attractive available away "
    "back bad balanced based bearish behind best better big brief brisk broad broken bullish busy calm careful "
    "cautious certain cheap choppy chronic clear comfortable common compatible compelling complete concerning "
    "conclusive considerable consistent constructive contradictory convincing cyclical decisive deep defensive "
    "dependent different directionless discouraging disorderly downward elevated elsewhere elusive encouraging "
    "endless enough equal erratic evident excessive exhausted expensive exposed extended extra extraordinary fair "
    "false fast favorable favourable firm flat forward fragile fresh full general good gradual great handed healthy "
    "heavy hesitant higher important impossible improbable incomplete inconclusive inconsistent indecisive "
    "independent insufficient intact intense intermediate inward irregular isolated key known lacklustre large "
    "lasting left light likely limited little lived long loose main major marked material meaningful measured medium "
    "mild minor missing mixed moderate modest murky muted narrow nearby negative neutral normal notable noteworthy "
    "obvious old opposite orderly ordinary outward overall overbought overextended oversold parallel partial "
    "particular patient persistent positive possible private probable promising prone pronounced prudent quick quiet "
    "rangebound rapid rare real reasonable regular related relevant reliable remarkable resilient respectable rich "
    "right risky robust rough safe secure selective sensible sensitive separate severe shaky shallow sharp short "
    "significant similar single slight slow sluggish small smooth soft solid sound specific stable steady steep "
    "stored stretched strong structural stubborn subdued subject sudden sufficient supportive temporary tentative "
    "tepid thin tight total true two typical unattractive unavailable unbroken uncertain unclear unconvincing "
    "undecided unequal uneven unfavorable unfavourable unknown unlikely unlimited unreliable unremarkable "
    "unsupportive unusual upward usual vague visible vulnerable weak wide wise worrying worse worst wrong "
)
_DOING = (
    "absorb accelerate accompany act adapt add adjust agree align allow amount announce appear approach appropriate "
    "argue arise assess assume attract average avoid await became become began begin begun belong beware breathe "
    "bring broke brought build calculate call came cap carried carry climb coil coincide combine come compare "
    "complicate compress compute concern confirm conflict consider consolidate constrain continue contract contradict "
    "contrast contribute converge cool correspond count cover creep crept cross crossing curl cut dampen death "
    "decelerate decide decision decrease demonstrate depend derive describe deserve deteriorate develop differ digest "
    "diminish dip disagree discourage dislike diverge dominate ease edge emerge emphasise emphasize encourage "
    "endanger evaluate evolve exaggerate exclude exhaust expand explain expose express face fade fail failed fallen "
    "favor favour fell find firm fit flatten float fluctuate form found gave get give given go golden gone got grind "
    "ground guard handle harden help hesitate hid hidden hide highlight hinder hold hover hurt illustrate imply "
    "improve inch include increase indicate intensify interact invite judge judging jump justify keep knew know lain "
    "lay lead lean leave led lie limit living lose lost made maintain make manage match matter mature measure mention "
    "mind mirror monitor name note offer offset omit omitted oscillate outweigh paint pass passed pause persist place "
    "play plunge precede prefer preserve prevail proceed progress prompt protect prove publish pull push put question "
    "quote raise rally ran reach react read reassert reassure recover reduce refer reflect regain regard reinforce "
    "relate rely remain remind require resist resolve respond restrain restrict resume retain retest retrace reveal "
    "revert risen rose saw say see seek seem seen serve set settle show sink sit slip slope soar soften sought speak "
    "spoke stabilise stabilize stall stand state stay steady steepen stem streak strengthen stress strive struggle "
    "succeed suggest suit suitable sum surge sustain take taken tale tell temper tend tends threaten tighten tilt "
    "tire told took total touch track trail translate treat trigger trust try tumble underline underscore unfold use "
    "used vary view wait wane want warrant watch weaken weigh went widen work write "
)
_MEASURE = (
    "tie beta book cap capital earning earnings equity forward grew margin profit rank revenue shrank trailing valued "
    "ago bands belong comparatively date day days held list midpoint month newest noticeable practically quickly ratio "
    "read reading readings simply somewhat unusually week year"
)
_RHETORIC = (
    "admittedly aggressive arguably benign bigger blemish breathing comfortably conditions decent determined "
    "distance diversification dull enthusiasm eventful evidently exceptionally expectation fairly flatten fraction "
    "friendly genuine genuinely gravity habit hectic hint immune instrument interrupt lively mark mature mere "
    "merely moderately natural naturally nervous normalise normalised normally noticeably occur odds outright "
    "outstanding painful plainly purely quietly realistic relatively reverse roll sceptical scepticism shy spend "
    "spent stack standard steadily strikingly tilt turn uncommon underlying uneventful unspectacular upbeat visibly "
    "worth young "
)
LEXICON = split(f"{_GRAMMAR} {_MARKET} {_QUALITY} {_DOING} {_MEASURE} {_RHETORIC}")
"""Stems; the endings of plurals, tenses, adverbs and comparison may follow (verifier_plain.py)."""
