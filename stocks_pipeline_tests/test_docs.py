"""What the documents promise exists, and what exists is documented."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import typer.main

from stocks_pipeline.cli.app import app
from stocks_pipeline.definitions import defs
from stocks_pipeline.settings import TABLE

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_setting_is_in_the_readme_with_its_default() -> None:
    """The README's table is the settings' own table."""
    rows = [f"| `{s.name}` | {f'`{s.default}`' if s.default else 'none'} | {s.help} |" for s in TABLE]
    assert [row for row in rows if row not in README] == []


def test_every_command_is_in_the_readme_and_teaches() -> None:
    """A command nobody can find or understand does not exist."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert [name for name in commands if f"`stocks {name}" not in README] == []
    assert [name for name, command in commands.items() if len(command.help or "") < 40] == []


def test_every_asset_check_job_schedule_and_sensor_is_in_the_readme() -> None:
    """What people meet in the UI, they can read up."""
    location = defs()
    repository = location.get_repository_def()
    names = [key.to_user_string() for key in location.resolve_all_asset_keys()]
    names += [key.name for key in repository.asset_graph.asset_check_keys]
    names += [j for j in repository.job_names if not j.startswith("__")]
    names += [s.name for s in (*repository.schedule_defs, *repository.sensor_defs)]
    assert [name for name in sorted(set(names)) if f"`{name}`" not in README] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_documents_lead_somewhere(page: Path) -> None:
    """A link to a file of the repository points at one that is there."""
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_make_targets_of_the_readme_exist() -> None:
    """Every `make X` in the README is a target."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)\b", README))
    assert named - targets == set()


def test_the_data_dictionary_is_the_schemas() -> None:
    """The page is what the script writes from the schemas today."""
    done = subprocess.run([sys.executable, ROOT / "scripts" / "write_dictionary.py", "--check"], check=False)
    assert done.returncode == 0, "run scripts/write_dictionary.py"


def test_every_test_says_what_it_proves() -> None:
    """A test's docstring states its property, as a sentence."""
    silent: list[str] = []
    for path in sorted((ROOT / "stocks_pipeline_tests").rglob("test_*.py")):
        functions = (n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.FunctionDef))
        tests = (node for node in functions if node.name.startswith("test_"))
        silent += [f"{path.name}:{node.lineno} {node.name}" for node in tests if not ast.get_docstring(node)]
    assert silent == []


def test_nothing_committed_names_an_index_or_a_machine() -> None:
    """The lock pins versions, not where they come from."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert "--" not in lock


def test_every_capability_of_the_documents_has_one_row() -> None:
    """An ID that nobody can find, or finds twice, is a promise that nobody keeps."""
    found = Counter(ID.findall(" ".join(row[0] for row in rows_of_acceptance())))
    wanted = [f"{letter}{number:02}" for letter, last in CAPABILITIES.items() for number in range(1, last + 1)]
    assert [name for name in wanted if found[name] != 1] == []
    assert sorted(found) == sorted(wanted)


def test_every_test_that_the_acceptance_page_names_exists() -> None:
    """A row that points at a test nobody can run shows nothing, and so does one that points nowhere."""
    tests, missing = ROOT / "stocks_pipeline_tests", []
    for names, _, shown in rows_of_acceptance():
        cited = re.findall(r"`([\w/]+\.py)(?:::(\w+))?`", shown)
        paths = [((ROOT if file.startswith("benchmarks/") else tests) / file, test) for file, test in cited]
        missing += [
            f"{names}: {path.name}::{test}"
            for path, test in paths
            if not path.exists() or (test and f"def {test}(" not in path.read_text(encoding="utf-8"))
        ]
        if not cited and not re.search(r"\]\(|`make |^not taken over: \w", shown):
            missing.append(f"{names} is shown by nothing")
    assert missing == []


CAPABILITIES = {"A": 40, "B": 45, "C": 33, "D": 42, "E": 48, "F": 18}
"""Of each document, how many capabilities it names: A01 to A40 and so on."""
ID = re.compile(r"\b[A-F]\d\d\b")


def rows_of_acceptance() -> list[list[str]]:
    """The cells of each row of the acceptance page: IDs, what, shown by."""
    lines = (ROOT / "docs" / "acceptance.md").read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if re.match(r"\| [A-F]\d", line)]
