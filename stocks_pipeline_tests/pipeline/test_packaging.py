"""The wheel: installed without the repository beside it, the code location loads with everything it needs."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROBE = """
import json
from importlib.resources import files
import stocks_pipeline
from stocks_pipeline.definitions import defs
from stocks_pipeline.domain.calendars import calendar

repository = defs().get_repository_def()
package = files("stocks_pipeline")
print(json.dumps({
    "from": stocks_pipeline.__file__,
    "jobs": sorted(job.name for job in repository.get_all_jobs() if not job.name.startswith("__")),
    "assets": sorted(key.to_user_string() for key in repository.assets_defs_by_key),
    "sessions": len(calendar("XASX").sessions(calendar("XASX").first, calendar("XASX").last)),
    "empty": [name for name in ("domain/calendars.json", "storage/views.sql", "instance/dagster.yaml", "py.typed")
              if not package.joinpath(name).is_file()],
}))
"""


@pytest.mark.timeout(180)
def test_the_wheel_loads_by_itself(tmp_path: Path) -> None:
    """C31: built, installed into a fresh environment and loaded from an empty folder: definitions, calendars, views,
    instance template and the `stocks` command are there, every file that is no code is, and nothing comes from this
    checkout.
    """
    python = environment(tmp_path / "venv")
    (wheel,) = build(tmp_path).glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True, timeout=60)
    empty = tmp_path / "empty"
    empty.mkdir()

    loaded = run(empty, python, "-c", PROBE)

    assert loaded.returncode == 0, loaded.stderr
    found = json.loads(loaded.stdout.splitlines()[-1])
    assert Path(found["from"]).is_relative_to(tmp_path / "venv")
    assert found["empty"] == []
    assert data_files(wheel) == {path.relative_to(ROOT).as_posix() for path in packaged()}
    assert {"asx_listing", "asx_prices", "asx_daily_prices"} <= set(found["jobs"])
    assert {"asx/symbols", "asx/symbol_batches", "asx/raw_prices", "asx/daily_prices"} <= set(found["assets"])
    assert found["sessions"] > 250
    stocks = run(empty, python.parent / "stocks", "--help")
    assert (stocks.returncode, stocks.stderr) == (0, "")
    assert not any(empty.iterdir())


def packaged() -> list[Path]:
    """What the package holds besides code: lists, prompts, templates, fonts and their licences, SQL."""
    found = (ROOT / "stocks_pipeline").rglob("*")
    return [path for path in found if path.is_file() and path.suffix not in {".py", ".pyc"}]


def data_files(wheel: Path) -> set[str]:
    """The same of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith("stocks_pipeline/")]
    return {name for name in names if not name.endswith((".py", "/"))}


def run(folder: Path, *command: str | Path) -> "subprocess.CompletedProcess[str]":
    """A command in the folder, without what might lead it to this checkout or to anybody's desk."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "STOCKS_", "DAGSTER_"))}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)


def environment(folder: Path) -> Path:
    """The interpreter of a fresh virtual environment that also sees this one's packages, ours left out of them.

    A folder named in a .pth file comes last and its own .pth files are not read, so an editable installation in it
    does not count.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    python = folder / "bin" / "python"
    query = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([python, "-c", query], check=True, capture_output=True, text=True, timeout=60).stdout.strip()
    Path(own, "beside.pth").write_text(sysconfig.get_path("purelib"))
    return python


def build(folder: Path) -> Path:
    """The folder of the wheel, made from a copy so that the checkout stays clean."""
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "stocks_pipeline", source / "stocks_pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder / "dist"),
        str(source),
    ]
    built = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "dist"
