"""The shape of the package, read from its source: who may import whom, who may read the clock, how long things are."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import stocks_pipeline

ROOT = Path(stocks_pipeline.__file__).parent
NAME = ROOT.name
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))
MODULES = {path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in FILES}
PRODUCTION = [path for path in FILES if not path.startswith("sandbox/")]

ARROWS: dict[str, set[str]] = {
    "domain": set(),
    "clock": set(),
    "markup": set(),
    "pool": set(),
    "partitions": set(),
    "upstream": {"domain", "clock"},
    # storage's own functions (`load_date`) ask the settings where the lake is.
    "storage": {"domain", "clock", "settings"},
    # What a refused address may show is theirs to say; these two modules import nothing.
    "settings": {"upstream.redaction", "upstream.limits_address", "domain", "setting"},
    "wording": set(),
    "fanout": {"markup", "pool", "upstream"},
    "defs": {"domain", "clock", "markup", "wording", "partitions", "upstream", "storage", "settings", "fanout", "pool"},
    "definitions": {"defs"},
    "cli": {
        "domain",
        "clock",
        "wording",
        "partitions",
        "upstream",
        "storage",
        "settings",
        "fanout",
        "defs",
        "definitions",
    },
    # Stands apart: it speaks the vendors' languages and shares only what an exchange and a clock are.
    "sandbox": {"domain", "clock"},
}
"""Part of the package -> parts that it may import besides itself. Nothing may import the sandbox."""

WALL_CLOCK = {"time.time", "time.monotonic", "time.sleep", "time.time_ns", "time.perf_counter", "datetime.now"} | {
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "datetime.datetime.now",
    "datetime.date.today",
}
CHANCE = {"random"}
"""Not `secrets`: the name of a temporary file must be nobody else's, and no test wants to know it."""
MAY_READ_ENVIRON = {"settings.py", "cli/desk.py"}
LONGEST_FILE, LONGEST_FUNCTION = 250, 40


@cache
def tree(path: str) -> ast.Module:
    """The syntax tree of one file."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), path)


def part(path: str) -> str:
    """Which part of the package a file belongs to: its folder, or its module's name."""
    first = path.split("/", maxsplit=1)[0].removesuffix(".py")
    families = ("fanout", "setting")
    family = next((name for name in families if first.startswith(name)), first)
    return "settings" if family == "setting" else family


def imported(path: str) -> Iterator[str]:
    """Every module that the file imports anywhere in it, with dots; ours without the package's name in front."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(path: str) -> set[str]:
    """The modules of ours that the file imports; `__version__` is everybody's."""
    names = {name.removeprefix(f"{NAME}.") for name in imported(path) if name.startswith(f"{NAME}.")} - {"__version__"}
    return {name if name in MODULES else name.rpartition(".")[0] for name in names}


def calls(path: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of whatever the file calls or touches."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute):
            yield node.lineno, ast.unparse(node)


@pytest.mark.parametrize("path", FILES)
def test_arrows_point_one_way(path: str) -> None:
    """§3: defs → upstream, storage → domain → nothing; nobody but itself imports the sandbox."""
    own = part(path)
    if own == "__init__":
        assert not ours(path)
        return
    allowed = ARROWS[own] | {own}
    stray = {m for m in ours(path) if not any(m == ok or m.startswith((f"{ok}.", f"{ok}_")) for ok in allowed)}
    assert not stray, f"{path} imports {sorted(stray)}"


def test_the_sandbox_is_nobodys() -> None:
    """§2.9: production code reaches the sandbox by URL only, or starts it as a process."""
    assert not any("sandbox" in ok for allowed in ARROWS.values() for ok in allowed)
    assert {part(path) for path in FILES} - {"__init__"} <= set(ARROWS), "a new part needs its arrows"


@pytest.mark.parametrize("path", [p for p in FILES if p.startswith("domain/")])
def test_the_domain_is_pure(path: str) -> None:
    """§3: no Dagster, no network, no files of the lake: standard library, numpy, pyarrow and what draws a report."""
    impure = {"dagster", "httpx", "curl_cffi", "yfinance", "boto3", "duckdb", "openai", "requests", "pandas", "socket"}
    assert not {name.split(".")[0] for name in imported(path)} & impure


@pytest.mark.parametrize("path", [p for p in PRODUCTION if p != "clock.py"])
def test_nobody_else_reads_the_clock_or_draws_lots(path: str) -> None:
    """F06: time, waiting and chance come through a Clock, so that every test can simulate them."""
    wall = [f"{path}:{line} {name}" for line, name in calls(path) if name in WALL_CLOCK]
    assert not wall
    lots = {name for name in imported(path) if name.split(".")[0] in CHANCE}
    bare = {name for name in imported(path) if name in WALL_CLOCK}
    assert not lots | bare, f"{path} imports {sorted(lots | bare)}"


@pytest.mark.parametrize("path", FILES)
def test_the_environment_is_read_in_one_place(path: str) -> None:
    """A21: settings.py reads it, the desk exports to it, nobody else touches it."""
    touched = [line for line, name in calls(path) if name in {"os.environ", "os.getenv", "os.putenv", "os.environb"}]
    assert not touched or path in MAY_READ_ENVIRON, f"{path}: lines {touched}"
    assert not {"os.environ", "os.getenv"} & set(imported(path))


def test_the_desk_only_writes_to_the_environment() -> None:
    """A21: what cli/desk.py does with it is hand the settings on."""
    used = {name for _, name in calls("cli/desk.py") if name.startswith("os.environ.")}
    assert used == {"os.environ.update"}


@pytest.mark.parametrize("path", FILES)
def test_every_module_says_what_belongs_there(path: str) -> None:
    """Bar: a charter opens each module; a package's `__init__` needs one sentence."""
    text = ast.get_docstring(tree(path)) or ""
    assert text.rstrip().endswith((".", ":", '"')) or "\n" in text, f"{path} has no docstring"
    if not path.endswith("__init__.py"):
        assert "What belongs here" in text or path in CHARTERLESS, f"{path} does not say what belongs there"


CHARTERLESS = {"definitions.py": "it only puts together what Dagster loads"}
"""Modules without a charter, each with the reason."""

LONG = {("sandbox/__main__.py", "_parser"): "a table of options, one a line"}
"""Functions longer than the bar, each with the reason."""


@pytest.mark.parametrize("path", FILES)
def test_files_are_short(path: str) -> None:
    """Bar: at most 250 lines a file."""
    lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_FILE, f"{path}: {lines} lines"


def functions(path: str) -> Iterator[tuple[str, int]]:
    """Name and lines of each function, without its decorators and the functions inside it, which count themselves."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = [
                n for n in ast.walk(node) if n is not node and isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
            ]
            outermost = [n for n in inner if not any(n is not o and n in set(ast.walk(o)) for o in inner)]
            yield node.name, _lines(node) - sum(_lines(n, decorated=True) for n in outermost)


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef, *, decorated: bool = False) -> int:
    first = min([node.lineno, *(d.lineno for d in node.decorator_list)]) if decorated else node.lineno
    return (node.end_lineno or first) - first + 1


@pytest.mark.parametrize("path", FILES)
def test_functions_are_short(path: str) -> None:
    """Bar: at most 40 lines a function, docstring included; a function inside another counts for itself."""
    long = {name for name, lines in functions(path) if lines > LONGEST_FUNCTION}
    assert long == {name for where, name in LONG if where == path}


def test_these_tests_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Honesty: the readers above see what they forbid."""
    lines = [
        "import random, os",
        "from stocks_pipeline.defs import market",
        "def f():",
        "    def g():",
        "        return os.environ",
        "    return time.time()",
    ]
    (tmp_path / "bad.py").write_text("\n".join(lines))
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert ours("bad.py") == {"defs.market"}
    assert {"random", "os"} <= set(imported("bad.py"))
    assert {name for _, name in calls("bad.py")} == {"os.environ", "time.time"}
    assert dict(functions("bad.py")) == {"f": 2, "g": 2}
