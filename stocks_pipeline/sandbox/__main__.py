"""`python -m stocks_pipeline.sandbox`: the sandbox from the command line.

What belongs here: options and their help. What does not: anything they do.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from stocks_pipeline.sandbox.config import SandboxConfig
from stocks_pipeline.sandbox.credits import CreditPlan
from stocks_pipeline.sandbox.faults import FAULTS, Fault, FaultError, parse_fault

_ABOUT = """\
The upstreams of stocks_pipeline, offline: Yahoo Finance's charts, company facts and news, the ASX's list of companies,
Twelve Data's series and a model that writes (OpenRouter's chat completions), in their own formats, from a simulated or
a replayed market, with faults on demand. No real key, no network, and the same numbers every time for the same --seed
and --today."""

_MORE = """\
faults: --fault NAME[,FIELD=VALUE...], as often as you like
{faults}
  Whom a fault strikes: symbols=BHP.AX+CBA.AX, share=0.3 (of the requests, by a hash, so that a retry may succeed; of
  the symbols for faults of the data, or with sticky=true), count=5 (the first five), each=1 (the first of every
  symbol), after=100 (spare the first hundred), until_s=30 (for thirty seconds), endpoint=chart|quote|summary|
  timeseries|crumb|cookie|consent|listing|directory|chat|key|credits|news|time_series|external_quote|api_usage|*,
  host=query2.finance.yahoo.com. Without endpoint or host: what the fault is about, mostly charts. The model's symbols
  are the tickers it writes about.

  --fault 429,share=0.3                          three of ten chart requests are refused
  --fault unknown,symbols=BHP.AX                 Yahoo does not know BHP
  --fault html,endpoint=listing                  the ASX's bot wall: 403 with a page
  --fault 429,until_s=20,endpoint='*'            every upstream refuses everyone for twenty seconds
  --fault hallucinated_number,symbols=NVDA19,each=1   the model invents a number the first time it writes on NVDA19

  --fault x100,endpoint=time_series,symbols=AAPL the second vendor, not Yahoo, counts AAPL in cents

while it runs: GET {admin}health, {admin}log?since=N, {admin}stats, {admin}faults, {admin}invoice, {admin}credits,
  {admin}recording (what a replay holds);
  POST {admin}faults with the same fields as JSON, one or a list; DELETE {admin}faults;
  POST {admin}today {{"today": "2026-11-20"}}, {admin}reset,
  {admin}latency {{"mean_ms": 200, "chat_s": [8, 12], "news_s": [3, 7], "scale": 0.1}}

try: curl 'http://127.0.0.1:8900/query2.finance.yahoo.com/v8/finance/chart/BHP.AX?range=5d&interval=1d'
     curl  http://127.0.0.1:8900/www.asx.com.au/asx/research/ASXListedCompanies.csv"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options and serve; 0 after a signal, 1 where the port is taken, 2 for a wrong option."""
    options = _parser().parse_args(arguments)
    config = SandboxConfig(
        seed=options.seed,
        today=options.today,
        replay=options.replay,
        latency_ms=options.latency_ms,
        chat_latency_s=options.chat_latency,
        news_latency_s=options.news_latency,
        time_scale=options.time_scale,
        unknown_share=options.unknown_share,
        companies=options.companies,
        faults=tuple(options.fault),
        credits=CreditPlan(
            per_minute=options.credits_per_minute,
            per_day=options.credits_per_day or None,
            minute_s=options.credit_minute_s,
            any_window=options.credit_window == "any",
            counts_refused=options.count_refused,
        ),
        errors_in_200=options.errors_in_200,
    )
    from stocks_pipeline.sandbox.replay import ReplayError
    from stocks_pipeline.sandbox.server import serve

    try:
        serve(config, options.host, options.port)
    except ReplayError as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"sandbox: cannot serve at {options.host}:{options.port}: {error.strerror}. Try --port 0.\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    faults = "\n".join(f"  {name:<19} {meaning}" for name, meaning in FAULTS.items())
    parser = argparse.ArgumentParser(
        prog="python -m stocks_pipeline.sandbox",
        description=_ABOUT,
        epilog=_MORE.format(faults=faults, admin="/_admin/"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this machine only)"
    )
    parser.add_argument(
        "--port", type=int, default=8900, help="0 takes a free one and prints it (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="which simulated world (default: %(default)s)")
    parser.add_argument(
        "--today", type=_day, metavar="YYYY-MM-DD", help="the world's date, after the close (default: the real one)"
    )
    parser.add_argument(
        "--replay", type=_folder, metavar="DIR", help="recorded bars (yahoo_*.parquet) and listings instead"
    )
    parser.add_argument(
        "--latency-ms", type=_positive, default=0.0, metavar="MEAN", help="mean time of an answer (default: 0)"
    )
    for name, whose in (("chat", "the model"), ("news", "the news feed")):
        parser.add_argument(
            f"--{name}-latency",
            type=_span,
            default=(0.0, 0.0),
            metavar="LOW-HIGH",
            help=f"seconds that {whose} takes, as in 8-12: each subject its own time in between (default: 0)",
        )
    parser.add_argument(
        "--time-scale", type=_scale, default=1.0, help="multiplies both of these (default: %(default)s)"
    )
    parser.add_argument(
        "--unknown-share",
        type=_share,
        default=0.005,
        help="share of the listed companies without prices (default: %(default)s)",
    )
    parser.add_argument(
        "--companies", type=int, default=2000, help="listed companies on an average day (default: %(default)s)"
    )
    _add_credits(parser)
    parser.add_argument(
        "--fault", type=_fault, action="append", default=[], metavar="FAULT", help="see below; repeatable"
    )
    return parser


def _add_credits(parser: argparse.ArgumentParser) -> None:
    """The second price vendor's plan."""
    group = parser.add_argument_group("the second price vendor (Twelve Data; any key but one that begins with bad)")
    group.add_argument(
        "--credits-per-minute", type=_count, default=8, metavar="N", help="its plan (default: %(default)s)"
    )
    group.add_argument(
        "--credits-per-day", type=int, default=800, metavar="N", help="0: a paid plan, not only the US (default: 800)"
    )
    group.add_argument(
        "--credit-minute-s", type=_minute, default=60.0, metavar="S", help="seconds in its minute (default: 60)"
    )
    group.add_argument(
        "--credit-window", choices=("clock", "any"), default="clock", help="minutes of the clock (default) or any 60 s"
    )
    group.add_argument("--count-refused", action="store_true", help="a refused call uses credits too")
    group.add_argument("--errors-in-200", action="store_true", help="HTTP 200 also for errors, the code in the body")


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 or more")
    return value


def _minute(text: str) -> float:
    value = float(text)
    if not 0.1 <= value <= 60:  # noqa: PLR2004 - the real one, and six hundred times as fast
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0.1 and 60")
    return value


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write YYYY-MM-DD") from None


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is no folder")
    return Path(text)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 120_000:  # noqa: PLR2004 - two minutes, the longest that any answer takes
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 120000")
    return value


def _span(text: str) -> tuple[float, float]:
    low, _, high = text.partition("-")
    span = (float(low), float(high or low))
    if not 0 <= span[0] <= span[1] <= 120:  # noqa: PLR2004 - two minutes, the longest that any answer takes
        raise argparse.ArgumentTypeError(f"{text!r} is no span of seconds such as 8-12, at most 120")
    return span


def _scale(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 10:  # noqa: PLR2004 - a slip of the pen beyond
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 10")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 1")
    return value


def _fault(text: str) -> Fault:
    try:
        return parse_fault(text)
    except FaultError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
