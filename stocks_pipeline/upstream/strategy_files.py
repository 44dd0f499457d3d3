"""The symbols that strategies trade, from the YAML files of a folder: the list of the `us` market.

What belongs here: reading the folder, and naming file and line of what is wrong in it. What does not: prices, batches.

A file is one strategy:

    name: momentum
    symbols: [AAPL, MSFT, BRK-B]

The list is the union of all files, each symbol once. One bad file refuses the whole list: a strategy that silently
lost its symbols would trade on nothing. One without symbols is legal beside others.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stocks_pipeline.domain.listing import Company, Listing
from stocks_pipeline.upstream.failures import FailureKind, UpstreamError

UPSTREAM = "strategies"
_SYMBOL = re.compile(r"[A-Z][A-Z0-9.-]{0,9}")
_KEYS = {"name", "symbols", "description"}


class StrategyError(UpstreamError):
    """The list is a person's to mend."""

    @property
    def next_step(self) -> str:
        return "Correct the strategy files, or set STOCKS_STRATEGIES to another folder; then run the day again."


@dataclass(frozen=True)
class StrategyList:
    """The union of the folder's strategies, and where it came from."""

    listing: Listing
    fetched_from: str


class StrategyFiles:
    """The source. `folder` holds one `.yaml` or `.yml` file a strategy."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fetch(self) -> StrategyList:
        """The list, sorted by symbol; `industry` names the strategies that trade it.

        Raises:
            UpstreamError: permanent; no folder, no file, no symbol in any, or (naming file and line) one that cannot be
                used.
        """
        files = sorted([*self._folder.glob("*.yaml"), *self._folder.glob("*.yml")])
        if not files:
            raise self._refused(str(self._folder), "holds no .yaml file; set STOCKS_STRATEGIES to a folder that does")
        traded: dict[str, list[str]] = {}
        for file in files:
            name, symbols = self._read(file)
            for symbol in symbols:
                traded.setdefault(symbol, []).append(name)
        if not traded:
            named = ", ".join(file.name for file in files[:3])
            why = f"names no symbol; list some in a file of {self._folder}, or set STOCKS_STRATEGIES to another folder"
            raise self._refused(named, why)
        companies = tuple(Company(s, s, ", ".join(dict.fromkeys(traded[s])), None, None) for s in sorted(traded))
        return StrategyList(Listing(companies, None, "directory"), f"{len(files)} strategy files in {self._folder}")

    def _read(self, file: Path) -> tuple[str, list[str]]:
        try:
            root = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except (OSError, UnicodeDecodeError) as error:
            raise self._refused(file.name, str(error)) from error
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise self._refused(f"{file.name}, line {line}", error.problem or "is no YAML") from error
        except yaml.YAMLError as error:  # characters that YAML does not allow; it tells the place, not the line
            raise self._refused(file.name, " ".join(str(error).split())) from error
        if not isinstance(root, yaml.MappingNode):
            raise self._refused(f"{file.name}, line 1", "must be a mapping with `name` and `symbols`")
        fields = {str(key.value): (key, value) for key, value in root.value}
        for key, (node, _) in fields.items():
            if key not in _KEYS:
                raise self._refused(self._at(file, node), f"unknown key {key!r}; valid: {', '.join(sorted(_KEYS))}")
        if "symbols" not in fields:
            raise self._refused(f"{file.name}, line 1", "has no `symbols`")
        name = str(fields["name"][1].value) if "name" in fields else file.stem
        return name, list(self._symbols(file, fields["symbols"][1]))

    def _symbols(self, file: Path, node: Any) -> Iterator[str]:
        if not isinstance(node, yaml.SequenceNode):
            raise self._refused(self._at(file, node), "symbols must be a list: [AAPL, MSFT]")
        for item in node.value:
            # YAML reads NO, ON and Y as booleans; the scalar's own text is what was meant.
            symbol = str(item.value).strip().upper() if isinstance(item, yaml.ScalarNode) else ""
            if not _SYMBOL.fullmatch(symbol):
                raise self._refused(self._at(file, item), f"{str(item.value)[:40]!r} is no symbol")
            yield symbol

    def _at(self, file: Path, node: Any) -> str:
        return f"{file.name}, line {node.start_mark.line + 1}"

    def _refused(self, where: str, why: str) -> UpstreamError:
        return StrategyError(FailureKind.PERMANENT, UPSTREAM, where, why)
